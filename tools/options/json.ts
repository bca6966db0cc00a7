/** Option of the commands that find something. */
export const JSON_ARG = {
  json: { type: "boolean" as const, description: "Print the result as JSON" },
};
