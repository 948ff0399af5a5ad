/** What went wrong in the lab, for a person: a stable code, a sentence, and what to do about it. */
export class LabError extends Error {
  readonly code: LabErrorCode;
  readonly hint: string | undefined;

  constructor(code: LabErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(options.hint === undefined ? message : `${message}\n  hint: ${options.hint}`, { cause: options.cause });
    this.name = 'LabError';
    this.code = code;
    this.hint = options.hint;
  }
}

export type LabErrorCode =
  | 'lab_prerequisite_missing'
  | 'lab_needs_root'
  | 'lab_build_failed'
  | 'lab_machine_failed'
  | 'lab_command_failed'
  | 'lab_timeout'
  | 'lab_usage';
