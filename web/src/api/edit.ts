/** Corrections of a stream, as the server tells them. */

export type EditKind = "flag" | "set" | "shift" | "scale" | "drift" | "delete" | "interpolate" | "fill";

export interface Edit {
  kind: EditKind;
  since: string;
  until: string;
  value: number | null;
  end: number | null;
  quality: number | null;
  above: number | null;
  below: number | null;
  stream: string;
  step_s: number;
}

export interface Edited {
  n: number;
  time: string;
  by: string;
  note: string;
  edit: Edit;
  undone: number | null;
}

export interface Edits {
  stream: string;
  unit: string;
  decisions: number;
  items: Edited[];
}

export interface Course {
  time: number[];
  value: (number | null)[];
  quality: number[];
}

export interface EditPreview {
  before: Course;
  after: Course;
  changed: number;
  added: number;
  withdrawn: number;
}

export interface EditApplied {
  n: number;
  changed: number;
  added: number;
  withdrawn: number;
}
