/** What keeps a crate from being built, in a sentence that says what to do. `details`: what a tool said, to be shown before it. */
export class BuildError extends Error {
  readonly details: string;

  constructor(message: string, details = '', options?: ErrorOptions) {
    super(message, options);
    this.details = details;
  }
}
