// grpc-js against the real net process.  usage: node net.mjs NET-DRIVER DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { Key, Node, bytes, windowNow } from './mesh.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const proto = path.join(here, '../../proto/phalanx.proto');
const { protos } = grpc.loadPackageDefinition(loader.loadSync(proto, { keepCase: true, longs: Number }));
let driver, lines, about, client, author, subject;

const nextLine = async () => JSON.parse((await lines.next()).value);
const file = (...parts) => readFileSync(path.join(about.dir, ...parts));

function connect(options = {}, certificate = about.client) {
	const credentials = certificate === null
		? grpc.credentials.createSsl(file('D', 'ca.pem'))
		: grpc.credentials.createSsl(file('D', 'ca.pem'), file(certificate, 'certs/peer.key'), file(certificate, 'certs/peer.pem'));
	return new protos.P2P(about.target, credentials, { 'grpc.ssl_target_name_override': about.server, ...options });
}

const vote = (message, through = client) => new Promise((resolve, reject) => {
	through.ShareQuarantineVote(message, { deadline: Date.now() + 5000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
});

// A verdict as its author makes it, and the call that repeats what it says.
function goodVote() {
	const ballot = author.ballot(subject, windowNow());
	const timeMs = Date.now();
	const entry = decodeEnvelope(author.verdict(subject, windowNow(), ballot, { timeMs }));
	return { node_id: subject.id, voter_id: author.id, timestamp: Math.floor(timeMs / 1000), signature: ballot, entry };
}

// An Envelope's two fields, by hand: body below 16 KiB, signature 64 bytes.
function decodeEnvelope(envelope) {
	const signature = envelope.subarray(-64);
	const long = envelope[1] >= 128;
	const body = envelope.subarray(long ? 3 : 2, envelope.length - 66);
	assert.deepEqual(bytes(1, body), envelope.subarray(0, envelope.length - 66));
	return { body, signature };
}

before(async () => {
	driver = spawn(process.argv[2], [process.argv[3]], { stdio: ['pipe', 'pipe', 'inherit'] });
	lines = createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
	about = await nextLine();
	const mesh = { id: Buffer.from(about.mesh, 'hex') };
	const seed = Buffer.from(file(about.client, 'identity.key').toString().trim(), 'hex').subarray(0, 32);
	author = new Node(mesh, about.client, new Key(seed), Buffer.from(about.clientId, 'hex'));
	subject = { id: Buffer.from(about.serverId, 'hex') };
	client = connect();
});

after(async () => {
	client.close();
	driver.stdin.end();
	const code = await new Promise((done) => { driver.on('exit', done); });
	assert.equal(code, 0);
});

test('envelopes cross an Exchange both ways, up to nearly 64 KiB', async () => {
	const stream = client.Exchange();
	const answers = stream[Symbol.asyncIterator]();
	for (const size of [1, 500, 20000, 65000]) {
		const envelope = { body: Buffer.alloc(size, size), signature: Buffer.alloc(64, 1) };
		stream.write(envelope);
		const { value } = await answers.next();
		assert.deepEqual({ ...value }, envelope);
	}
	assert.deepEqual(await nextLine(), { link: 1, peer: about.clientIndex });
	stream.end();
	assert.equal((await answers.next()).done, true);
	assert.deepEqual(await nextLine(), { link: 2, peer: about.clientIndex });
});

test('a vote that agrees with its entry reaches the engine', async () => {
	assert.deepEqual({ ...await vote(goodVote()) }, { received: true, reason: 'counted' });
});

test('a call that contradicts its entry is refused, and says in what', async () => {
	const cases = [
		[{ node_id: Buffer.alloc(16) }, "node_id is not the entry's subject"],
		[{ voter_id: Buffer.alloc(16) }, "voter_id is not the entry's author"],
		[{ timestamp: 1 }, "timestamp is not the entry's"],
		[{ signature: Buffer.alloc(64) }, "signature is not the entry's ballot signature"],
		[{ entry: undefined }, 'the entry is missing'],
		[{ entry: { body: Buffer.from('nonsense'), signature: Buffer.alloc(64) } }, 'the entry is malformed'],
		[{ entry: decodeEnvelope(author.selfReport(2)) }, 'the entry is no verdict'],
	];
	for (const [change, reason] of cases) {
		const answer = await vote({ ...goodVote(), ...change });
		assert.equal(answer.received ?? false, false);
		assert.equal(answer.reason, reason);
	}
});

test('an unknown method is status 12', async () => {
	const same = (x) => x;
	await assert.rejects(new Promise((resolve, reject) => {
		client.makeUnaryRequest('/protos.P2P/Nothing', same, same, Buffer.alloc(0), (error, answer) => (error ? reject(error) : resolve(answer)));
	}), { code: grpc.status.UNIMPLEMENTED, details: 'unknown method' });
});

test('a message above the cap is status 8', async () => {
	const entry = { body: Buffer.alloc(70000), signature: Buffer.alloc(64) };
	await assert.rejects(vote({ ...goodVote(), entry }), { code: grpc.status.RESOURCE_EXHAUSTED, details: 'the message is too large' });
});

test('a compressed message is status 12', async () => {
	const zipping = connect({ 'grpc.default_compression_algorithm': 2 });
	await assert.rejects(vote(goodVote(), zipping), { code: grpc.status.UNIMPLEMENTED });
	zipping.close();
});

test('without a certificate, and with the server\'s own, there is no call', async () => {
	for (const certificate of [null, about.server]) {
		const stranger = connect({}, certificate);
		await assert.rejects(vote(goodVote(), stranger), { code: grpc.status.UNAVAILABLE });
		stranger.close();
	}
});

test('a flood of calls is cut at the budget, and the next second is served', async () => {
	const results = await Promise.allSettled(Array.from({ length: 60 }, () => vote(goodVote())));
	const refused = results.filter((r) => r.status === 'rejected');
	assert.ok(refused.length >= 35, `${refused.length} of 60 refused`);
	for (const r of refused) assert.equal(r.reason.code, grpc.status.RESOURCE_EXHAUSTED, String(r.reason));
	await new Promise((done) => { setTimeout(done, 1000); });
	assert.equal((await vote(goodVote())).received, true);
});
