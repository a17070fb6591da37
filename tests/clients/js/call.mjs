// Makes one call with the AWS SDK for JavaScript: call.mjs SERVICE OPERATION PARAMETERS
import * as s3 from "@aws-sdk/client-s3";
import * as sts from "@aws-sdk/client-sts";

const [service, operation, parameters] = process.argv.slice(2);
const sdk = { s3, sts }[service];
const Client = { s3: s3.S3Client, sts: sts.STSClient }[service];
// The buckets of a server on 127.0.0.1 are in the path: there is no name to put them before.
const client = new Client({ forcePathStyle: true });

try {
  const command = new sdk[`${operation}Command`](JSON.parse(parameters));
  const { $metadata, Body, ...answer } = await client.send(command);
  if (Body) answer.Body = await Body.transformToString();
  console.log(JSON.stringify(answer));
} catch (error) {
  if (!error.$metadata) throw error;
  console.log(JSON.stringify({ Error: [error.name, error.message] }));
}
