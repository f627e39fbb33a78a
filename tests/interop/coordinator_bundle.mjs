// A proof that is downloaded from the coordinator convinces who trusts neither
// it nor any node: two verifiers that share no code take it with the CA's key
// alone, and nothing else does.
// usage: node coordinator_bundle.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Coordinator, makeMesh, syncItems, windowNow } from './mesh.mjs';
import { verifyBundle } from './verify_bundle.mjs';

const bin = process.argv[2];
let mesh, c, a, b, d, e, f, key;

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e']);
	[a, b, d, e, f] = mesh.nodes;
	c = await new Coordinator(bin, path.join(mesh.dir, 'main'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
	key = mesh.caKey;
});
after(async () => {
	await c.stop();
	mesh.remove();
});

const incidentOf = async (name) => (await c.get('/api/v1/incidents')).json.incidents.find((i) => i.name === name);
const give = async (...entries) => assert.equal((await c.postSigned(b, '/api/v1/entries', syncItems(...entries))).json.accepted, entries.length);
const phalanx = (file, ca = key) => spawnSync(path.join(bin, 'phalanx'), ['audit', 'verify', '--bundle', file, '--ca-key', ca.toString('hex'), '--json'], { encoding: 'utf8' });

// The file that a browser would keep.
async function download(id, query = '') {
	const answer = await c.get(`/api/v1/incidents/${id}/bundle${query}`);
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.headers['content-disposition'], `attachment; filename="phalanx-${id}.json"`);
	const file = path.join(mesh.dir, `${id}.json`);
	writeFileSync(file, answer.bytes);
	return file;
}

// Bits all over it (interop/bundle flips every one): the second verifier sees all, the shipped one some.
function flipSome(bundle) {
	const file = path.join(mesh.dir, 'flipped.json');
	const texts = [bundle.epoch, ...bundle.enrolments, ...(bundle.self_report ? [bundle.self_report] : [])].flatMap((record) => [[record, 'body'], [record, 'signature']]);
	if (bundle.certificate) texts.push([bundle, 'certificate']);
	for (const [holder, name] of texts) {
		const original = holder[name], bits = Buffer.from(original, 'base64');
		for (let bit = bits.length % 13; bit < 8 * bits.length; bit += 37) {
			bits[bit >> 3] ^= 1 << (bit & 7);
			holder[name] = bits.toString('base64');
			assert.throws(() => verifyBundle(bundle, key), `${name}, bit ${bit}`);
			bits[bit >> 3] ^= 1 << (bit & 7);
		}
		writeFileSync(file, JSON.stringify(bundle));
		assert.notEqual(phalanx(file).status, 0, name);
		holder[name] = original;
	}
}

// Both say the same of it, and neither takes it with another key or after a bit flip.
async function proves(id, level, query) {
	const file = await download(id, query);
	const told = verifyBundle(JSON.parse(readFileSync(file, 'utf8')), key);
	const ours = phalanx(file);
	assert.equal(ours.status, 0, ours.stderr);
	const { incident, subject, votes } = JSON.parse(ours.stdout);
	assert.deepEqual({ incident, subject, votes, level: JSON.parse(ours.stdout).level }, { incident: told.incident, subject: told.subject, votes: told.votes, level: told.level });
	assert.deepEqual([told.level, told.incident], [level, id]);
	const other = randomBytes(32);
	assert.throws(() => verifyBundle(JSON.parse(readFileSync(file, 'utf8')), other), /not signed by this CA/);
	assert.notEqual(phalanx(file, other).status, 0);
	flipSome(JSON.parse(readFileSync(file, 'utf8')));
	return told;
}

function refused(answer, status, pattern) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.json.error, pattern);
}

test('a certificate, once the coordinator holds one; before, it says what is missing', async () => {
	const window = windowNow();
	await give(a.statement(e), f.verdict(e, window));
	const { id } = await incidentOf('node-d');
	refused(await c.get(`/api/v1/incidents/${id}/bundle`), 409, /missing: a certificate.*1 statements and 1 votes/);
	assert.equal((await c.get(`/api/v1/incidents/${id}`)).json.bundle, null);
	await give(b.certificate(e, window, [a, b, f]));
	assert.equal((await c.get(`/api/v1/incidents/${id}`)).json.bundle, `/api/v1/incidents/${id}/bundle`);
	const told = await proves(id, 'quarantine');
	assert.deepEqual([told.subject, told.votes, told.heads], ['node-d', 3, 5]);
	refused(await c.get(`/api/v1/incidents/${id}/bundle?of=release`), 409, /no release/);
	refused(await c.get(`/api/v1/incidents/${id}/bundle?of=truth`), 400, /of: certificate/);
	refused(await c.get('/api/v1/incidents/0000000000000000/bundle'), 404, /no such incident/);
	refused(await c.post(`/api/v1/incidents/${id}/bundle`, ''), 405, /GET/);
});

test('what a member said of itself: a precaution, and the confession that goes before it', async () => {
	await give(d.selfReport(2));
	const { id } = await incidentOf('node-c');
	assert.equal((await proves(id, 'precaution')).subject, 'node-c');
	await give(d.selfReport(1));
	await proves(id, 'confession');
	await proves(id, 'precaution', '?of=precaution');
});

test('signatures of one bundle under the words of another prove nothing', async () => {
	const [certified, reported] = await Promise.all(['node-d', 'node-c'].map(async (name) => JSON.parse(readFileSync(await download((await incidentOf(name)).id), 'utf8'))));
	const takes = (bundle) => {
		const file = path.join(mesh.dir, 'mixed.json');
		writeFileSync(file, JSON.stringify(bundle));
		assert.throws(() => verifyBundle(bundle, key));
		assert.notEqual(phalanx(file).status, 0);
	};
	takes({ ...certified, self_report: reported.self_report });
	takes({ ...certified, enrolments: reported.enrolments });
	takes({ ...reported, self_report: undefined });
	takes({ ...reported, self_report: { ...reported.self_report, signature: reported.epoch.signature } });
	takes({ ...reported, enrolments: certified.enrolments.slice(0, 1) });
	takes({ ...certified, format: 'phalanx-bundle/2' });
	takes({});
});
