// Node's fetch and its JSON. Usage: node fetch.mjs URL CALLS; over https with NODE_EXTRA_CA_CERTS
for (let left = Number(process.argv[3]); left > 0; left--) {
  const response = await fetch(process.argv[2], { headers: { accept: "application/json" } });
  if (response.status !== 200 || typeof (await response.json()) !== "object") throw new Error("unexpected answer");
}
