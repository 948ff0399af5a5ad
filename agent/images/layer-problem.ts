/** A layer breaks a rule, in one sentence that goes on after "the image NAME cannot be used: ". */
export class LayerProblem extends Error {}

export function noEntry(path: string): LayerProblem {
  return new LayerProblem(`one of its layers has an entry of the name ${JSON.stringify(path)}`);
}
