// Tells what the SDK's own search finds in each of some environments: standard input is a JSON list
// of {environ, profile}; standard output the list of {key} or {error}, each with all profiles.
import { readFileSync } from "node:fs";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { parseKnownFiles } from "@smithy/core/config";

// The SDK forgets the search for a role's source when the role wants a code.
process.on("unhandledRejection", () => {});
const given = JSON.parse(readFileSync(0));
// Nobody is asked: who would assume a role gets this.
const role = async () => ({ accessKeyId: "ROLE", secretAccessKey: "s", sessionToken: "t" });
const answers = [];
for (const { environ, profile } of given) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environ);
  const init = { roleAssumer: role, roleAssumerWithWebIdentity: role, logger: { warn() {}, debug() {}, info() {}, error() {} } };
  if (profile) init.profile = profile;
  const profiles = await parseKnownFiles(init);
  try {
    const { accessKeyId } = await defaultProvider(init)();
    answers.push({ profiles, key: accessKeyId });
  } catch (error) {
    answers.push({ profiles, error: error.name });
  }
}
console.log(JSON.stringify(answers));
