/** Of this build. A constant, so that a one-file bundle needs no package.json; a test keeps both the same. */
export const VERSION = '0.1.0';
