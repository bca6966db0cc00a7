/** A source of a project: C, or assembly. */
export interface Source {
  file: string;
  flags: string[];
  /** It depends on the core and on `keptFiles` (project.ts) alone: compiled once for all projects. */
  kept?: boolean;
}
