#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A second verifier, in another language, accepts the lab's own certificate bundle from the CA key alone, and refuses it after any bit-flip."
lab_up
"$TREE/lab/attack" lateral e >/dev/null
bundle=$PHALANX_LAB/bundle.json
for n in a b c d; do
	expect 5 "node-$n holds a quorum certificate for node-e" equals "quorum certificate" incident $n e ground
done
always "node-b exports the proof" on b phalanx -c /run/lab/node-b/phalanx.conf \
	audit bundle --subject node-e --out /run/lab/bundle.json

# The key comes from the CA's certificate by other hands too.
key=$(node -e 'const { X509Certificate } = require("crypto");
	const ca = new X509Certificate(require("fs").readFileSync(process.argv[1]));
	console.log(Buffer.from(ca.publicKey.export({ format: "jwk" }).x, "base64url").toString("hex"))' \
	"$PHALANX_LAB/ca/ca.pem")
interop=$TREE/tests/interop
# The mesh that made it may be gone.
cp "$bundle" "$PHALANX_LAB.json"
trap 'rm -f "$PHALANX_LAB.json"; ended $?' EXIT
bundle=$PHALANX_LAB.json
"$TREE/lab/down"
always "the second verifier accepts it" node "$interop/verify_bundle.mjs" "$bundle" "$key"
always "and refuses it after any single bit-flip" node "$interop/flip_bundle.mjs" "$bundle" "$key"
other=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
never "another CA's key proves it" node "$interop/verify_bundle.mjs" "$bundle" "$other"
