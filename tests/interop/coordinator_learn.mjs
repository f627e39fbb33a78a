// Members teach the coordinator what the CA signed since it started, without a
// restart, and can teach it nothing else.
// usage: node coordinator_learn.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Coordinator, Key, Node, makeMesh, rosterPart, syncItems } from './mesh.mjs';

const bin = process.argv[2];
let mesh, other, c, a, b, d, alice, newcomer, old, now;

const start = async () => new Coordinator(bin, path.join(mesh.dir, 'main'), { roster_file: path.join(mesh.dir, 'main/roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
const telemetry = (node, roster) => c.postSigned(node, '/api/telemetry', { node_id: node.name, status: 'healthy', peers: [], cpu_pct: 1, ram_pct: 2, ...(roster === undefined ? {} : { roster }) });
const bring = (node, offset, records) => c.postSigned(node, '/api/v1/roster', rosterPart(offset, records));
const epochOf = async () => (await c.get('/api/v1/state')).json.roster_epoch;
const file = () => readFileSync(path.join(mesh.ca, 'roster'));

// The log comes by a pipe of its own.
async function logged(pattern) {
	for (let i = 0; i < 400 && !pattern.test(c.log); i++) await new Promise((done) => { setTimeout(done, 25); });
	assert.match(c.log, pattern);
}

function refused(answer, status, pattern) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.json.error, pattern);
}

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e'], { operators: ['alice'] });
	other = makeMesh(bin, ['node-a', 'node-b', 'node-c']);
	[a, b, d] = mesh.nodes;
	[alice] = mesh.operators;
	c = new Coordinator(bin, path.join(mesh.dir, 'main'));
	await c.stop('SIGKILL');
	copyFileSync(path.join(mesh.ca, 'roster'), path.join(mesh.dir, 'main/roster'));
	c = await start();
	// Its file is new, so it would ask them for entries, too.
	for (const node of [a, b, d]) assert.equal((await c.postSigned(node, '/api/v1/entries', Buffer.alloc(0))).status, 200);
	old = file();
	newcomer = mesh.grow('node-f');
	now = file();
	assert.deepEqual(now.subarray(0, old.length), old);
});
after(async () => {
	const { code } = await c.stop();
	assert.equal(code, 0, c.log);
	mesh.remove();
	other.remove();
});

test('who holds no more, or does not say, is asked for nothing', async () => {
	for (const held of [undefined, 0, old.length, old.length - 1]) {
		const answer = await telemetry(a, held);
		assert.deepEqual([answer.status, answer.text], [200, '']);
	}
	for (const wrong of [-1, 'x', 1e9]) assert.equal((await telemetry(a, wrong)).status, 400, wrong);
});

test('nobody but a member that was asked is heard, and records of no CA but ours', async () => {
	refused(await bring(a, old.length, now.subarray(old.length)), 503, /not asked for/);
	refused(await c.post('/api/v1/roster', rosterPart(old.length, now.subarray(old.length))), 401, /unsigned/);
	refused(await bring(alice, old.length, now.subarray(old.length)), 503, /not asked for/);
	const guest = new Node(mesh, 'guest', new Key());
	assert.equal((await c.post('/register', guest.registration())).status, 200);
	refused(await bring(guest, old.length, now.subarray(old.length)), 403, /members/);
	assert.deepEqual((await telemetry(a, now.length)).json, { roster: old.length });
	// One at a time.
	assert.equal((await telemetry(b, now.length)).text, '');
	refused(await bring(b, old.length, now.subarray(old.length)), 503, /not asked for/);
	for (const junk of [Buffer.alloc(0), Buffer.from('x'), rosterPart(old.length, Buffer.alloc(0)), Buffer.concat([rosterPart(old.length, now.subarray(old.length)), Buffer.from([0])])])
		refused(await c.postSigned(a, '/api/v1/roster', junk), 400, /RosterPart/);
	const flipped = Buffer.from(now.subarray(old.length));
	flipped[60] ^= 1;
	refused(await bring(a, old.length, flipped), 409, /refused/);
	await logged(/records of node=node-a are refused/);
	// It waits for a minute, the next one does not.
	assert.equal((await telemetry(a, now.length)).text, '');
	assert.deepEqual((await telemetry(b, now.length)).json, { roster: old.length });
	refused(await bring(b, old.length, readFileSync(path.join(other.ca, 'roster'))), 409, /refused/);
	assert.equal(await epochOf(), 1);
});

test('what the CA signed counts at once, in whatever parts it comes, and after a restart', async () => {
	const cut = old.length + 50, part = (from, to) => now.subarray(from, to), nonce = randomBytes(16);
	const again = () => c.postSigned(a, '/api/telemetry', { node_id: a.name, status: 'healthy', peers: [] }, { change: { nonce } });
	assert.equal((await again()).status, 200);
	refused(await c.postSigned(newcomer, '/api/telemetry', { node_id: 'node-f', status: 'healthy' }), 401, /keyid/);
	assert.deepEqual((await telemetry(d, now.length)).json, { roster: old.length });
	assert.deepEqual((await bring(d, old.length, part(old.length, cut))).json, { roster: cut });
	assert.equal(await epochOf(), 1);
	assert.deepEqual((await bring(d, old.length, part(old.length, cut))).json, { roster: cut });
	assert.deepEqual((await bring(d, cut, part(cut))).json, { roster: now.length });
	assert.equal(await epochOf(), 2);
	await logged(/records learned from node=node-c; members=7 epoch=2/);
	// How they are stays known, and what they signed before counts no second time.
	assert.deepEqual((await c.get('/api/topology')).json.nodes.filter((node) => node.status === 'healthy').map((node) => node.node_id).sort(), ['node-a', 'node-b', 'node-c']);
	refused(await again(), 401, /used before/);
	const greeted = await telemetry(newcomer, now.length);
	assert.deepEqual([greeted.status, greeted.json?.roster], [200, undefined]);
	assert.deepEqual((await c.postSigned(newcomer, '/api/v1/entries', syncItems(newcomer.selfReport(2)))).json, { accepted: 1, known: 0, refused: [] });
	assert.deepEqual((await c.get(`/api/v1/roster?offset=${old.length}`)).bytes, now.subarray(old.length));
	// The operator's file has less: that takes nothing back.
	c.process.kill('SIGHUP');
	await logged(/roster read again: members=7 epoch=2/);
	await c.stop();
	c = await start();
	assert.equal(await epochOf(), 2);
	const { incidents } = (await c.get('/api/v1/incidents')).json;
	assert.deepEqual(incidents.map((i) => i.name), ['node-f']);
});

test('a file of what was learned that says otherwise is left aside with a word', async () => {
	await c.stop();
	writeFileSync(path.join(c.state, 'roster.learned'), readFileSync(path.join(other.ca, 'roster')));
	c = await start();
	await logged(/roster\.learned, learned from members, does not agree with/);
	assert.equal(await epochOf(), 1);
});
