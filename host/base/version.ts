/** Version of this package; tests hold it to package.json. */
export const VERSION = "0.1.0";
