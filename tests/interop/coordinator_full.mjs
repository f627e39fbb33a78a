// A full disk: the coordinator says so, refuses what it could not keep, goes on
// answering from memory, and takes everything again once there is room.
// usage: node coordinator_full.mjs DIRECTORY-OF-BINARIES DIRECTORY-ON-A-SMALL-DISK
import assert from 'node:assert/strict';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Coordinator, makeMesh, syncItems } from './mesh.mjs';

const [, , bin, disk] = process.argv;
const filler = path.join(disk, 'filler');
let mesh, c, a, b, d;

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e']);
	[a, b, d] = mesh.nodes;
	c = await new Coordinator(bin, path.join(disk, 'state'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
});
after(async () => {
	await c.stop();
	mesh.remove();
});

const report = (node) => c.postSigned(node, '/api/report/submit', { node_id: node.name, score: 9, event_type: 'SCAN', source_ip: '10.77.0.66', decision: 'watch', method: 'rule-based', reason: 'x'.repeat(500) });
const telemetry = (node) => c.postSigned(node, '/api/telemetry', { node_id: node.name, status: 'healthy', peers: [], cpu_pct: 1, ram_pct: 2 });

test('it says that the disk is full, answers from memory, and recovers', async () => {
	assert.equal((await c.postSigned(b, '/api/v1/entries', syncItems(a.selfReport(2)))).json.accepted, 1);
	const { bavail, bsize } = statfsSync(disk);
	writeFileSync(filler, Buffer.alloc(bavail * bsize));
	let answer, kept = 0;
	for (let i = 0; i < 400 && (answer = await report(b)).status === 200; i++) kept++;
	assert.equal(answer.status, 503, answer.text);
	assert.match(answer.json.error, /cannot be kept: .*send it again later/);
	for (let i = 0; i < 200 && !/disk is full/.test(c.log); i++) await new Promise((done) => { setTimeout(done, 25); });
	assert.match(c.log, /the disk is full; nothing more is accepted until there is room/);
	const refused = await c.postSigned(b, '/api/v1/entries', syncItems(d.selfReport(1)));
	assert.ok(refused.status === 503 || refused.json.accepted === 0, refused.text);
	// What needs no disk goes on, and shows what was acknowledged.
	assert.equal((await telemetry(b)).status, 200);
	assert.equal((await c.get('/healthz')).status, 200);
	const state = (await c.get('/api/v1/state')).json;
	assert.deepEqual(state.incidents.map((i) => i.name), ['node-a']);
	assert.equal(state.states[state.nodes.st[state.nodes.name.indexOf('node-b')]], 'healthy');
	assert.equal((await c.get('/api/report?limit=1000')).json.events.length, kept);
	rmSync(filler);
	assert.equal((await report(b)).status, 200);
	assert.equal((await c.postSigned(b, '/api/v1/entries', syncItems(d.selfReport(2)))).json.accepted, 1);
	assert.deepEqual((await c.get('/api/v1/incidents')).json.incidents.map((i) => i.name).sort(), ['node-a', 'node-c']);
});
