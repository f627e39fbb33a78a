// A coordinator that is owned by the attacker: it signs with its true key (or,
// told so, with another), and asks the operator's terminal for what no page
// showed.  usage: node lying_coordinator.mjs TREE PORT-FILE KEY-FILE ASKS-FILE ANSWERS-FILE
// Asks: one JSON object a line, handed out one by one; answers are appended.
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';

const [, , tree, portFile, keyFile, asksFile, answersFile] = process.argv;
const { Key, sha256 } = await import(`${tree}/tests/interop/mesh.mjs`);
const key = new Key(), other = new Key();
const session = '5'.repeat(32);
let given = 0;

// RFC 9421, as src/http/signature.h says of responses.
function headers(request, status, body, signer) {
	const digest = `sha-256=:${sha256(body).toString('base64')}:`;
	const nonce = (request.headers['signature-input'] ?? '').match(/nonce="([0-9a-f]{32})"/)?.[1];
	const params = `("@status" "content-digest" "@method";req "@path";req);created=${Math.floor(Date.now() / 1000)};nonce="${nonce}";keyid="${signer.public.toString('hex')}";alg="ed25519"`;
	const base = `"@status": ${status}\n"content-digest": ${digest}\n"@method";req: ${request.method}\n"@path";req: ${request.url.split('?')[0]}\n"@signature-params": ${params}`;
	return { 'content-digest': digest, 'signature-input': `coordinator=${params}`, signature: `coordinator=:${signer.sign(base).toString('base64')}:`, 'content-type': 'application/json', 'content-length': body.length };
}

function answer(request, body) {
	if (request.method === 'POST' && request.url === '/api/v1/sessions')
		return { link: 'http://localhost/\u001b]0;owned\u0007\u202e', session, expires_s: 60, name: 'operator' };
	if (request.method === 'GET' && request.url.startsWith(`/api/v1/sessions/${session}/requests`)) {
		const lines = readFileSync(asksFile, 'utf8').split('\n').filter(Boolean);
		if (given === lines.length) return null;
		given += 1;
		return { requests: [{ n: given, by: 'operator', from: '127.0.0.1', kind: 'cleaned', reason: 'r', t: Date.now(), expires_s: 300, ...JSON.parse(lines[given - 1]) }], followed: true };
	}
	if (request.method === 'POST') appendFileSync(answersFile, `${request.url.split('/').pop()} ${body}\n`);
	return { taken: true, ended: true };
}

const server = http.createServer(async (request, response) => {
	let body = '';
	for await (const part of request) body += part;
	let value = answer(request, body);
	for (let i = 0; value === null && i < 50; i++) {
		await new Promise((done) => { setTimeout(done, 100); });
		value = answer(request, body);
	}
	const bytes = Buffer.from(JSON.stringify(value ?? { requests: [], followed: true }));
	const signer = value?.requests?.[0].name === 'other key' ? other : key;
	response.writeHead(200, headers(request, 200, bytes, signer)).end(bytes);
});
server.listen(0, '127.0.0.1', () => {
	writeFileSync(keyFile, key.public.toString('hex'));
	writeFileSync(`${portFile}.new`, `${server.address().port}`);
	renameSync(`${portFile}.new`, portFile);
});
