/** What is wrong with what a person asked for on a command line, in the environment or in a config file: clear words for that person. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}
