// /openapi.json is a document that a validator takes, names exactly the routes
// that are served, and tells the truth about every answer.
// usage: node openapi.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import { Coordinator, makeMesh, rosterPart, syncItems, windowNow } from './mesh.mjs';

const bin = process.argv[2];
const source = path.join(import.meta.dirname, '../../src/coordinator/api.c');
let mesh, c, a, b, d, e, f, document;

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e']);
	[a, b, d, e, f] = mesh.nodes;
	c = await new Coordinator(bin, path.join(mesh.dir, 'main'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
	document = (await c.get('/openapi.json')).json;
});
after(async () => {
	await c.stop();
	mesh.remove();
});

test('a validator of OpenAPI 3.1 accepts it, and would not accept anything', async () => {
	const good = await new Validator().validate(structuredClone(document));
	assert.equal(good.valid, true, JSON.stringify(good.errors));
	const bad = structuredClone(document);
	delete bad.paths['/healthz'].get.responses;
	bad.paths['/peers'].get = 7;
	assert.equal((await new Validator().validate(bad)).valid, false);
});

test('every route of the table is in it, and it names no other', () => {
	const table = [...readFileSync(source, 'utf8').matchAll(/^\t\{ "(\/[^"]*)", "([A-Z]+)", api_/gm)].map(([, route, method]) => `${method} ${route}`);
	const told = Object.entries(document.paths).flatMap(([route, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${route.replace(/\{[^}]*\}/g, '{}')}`));
	assert.ok(table.length > 20);
	assert.deepEqual(told.sort(), table.sort());
});

test('every answer of a run with an incident is as it says', async () => {
	const ajv = new Ajv({ strict: false, validateFormats: false });
	ajv.addSchema(document, 'doc');
	const pointer = (...parts) => `doc#/${parts.map((p) => encodeURIComponent(p.replace(/~/g, '~0').replace(/\//g, '~1'))).join('/')}`;
	const checked = new Set();
	function check(method, route, answer) {
		const told = document.paths[route][method].responses[answer.status];
		assert.ok(told, `${method} ${route} answers ${answer.status}, which is not told: ${answer.text}`);
		const [type] = Object.keys(told.content ?? {});
		if (type) assert.ok(answer.headers['content-type'].startsWith(type), `${route}: ${answer.headers['content-type']}`);
		if (type === 'application/json') {
			const fits = ajv.getSchema(pointer('paths', route, method, 'responses', String(answer.status), 'content', type, 'schema'));
			assert.ok(fits(answer.json), `${method} ${route} ${answer.status}: ${ajv.errorsText(fits.errors)}\n${answer.text.slice(0, 800)}`);
		}
		checked.add(`${method} ${route} ${answer.status}`);
		return answer;
	}
	const get = async (route, target = route) => check('get', route, await c.get(target));
	const signed = async (node, route, body) => check('post', route, await c.postSigned(node, route, body));
	const telemetry = { node_id: 'node-a', status: 'healthy', peers: ['node-b'], cpu_pct: 1.5, ram_pct: 2, mode: 'enforce', drift: 0, decoys: 2 };
	const report = { node_id: 'node-b', score: 9, event_type: 'HONEYPOT_TRIPPED', source_ip: '10.77.0.66', decision: 'quarantine', method: 'rule-based' };
	const window = windowNow();
	check('post', '/register', await c.post('/register', a.registration()));
	check('post', '/register', await c.post('/register', b.registration()));
	check('post', '/register', await c.post('/register', {}));
	check('post', '/register', await c.post('/register', a.registration({}, b.key)));
	check('post', '/api/telemetry', await c.post('/api/telemetry', telemetry));
	await signed(a, '/api/telemetry', telemetry);
	await signed(b, '/api/telemetry', telemetry);
	await signed(b, '/api/report/submit', report);
	await signed(b, '/api/report/submit', { ...report, method: 'ai', reason: 'r', model: 'm', opinion: 3, incident: '00000000000000aa' });
	await signed(b, '/api/v1/entries', syncItems(a.statement(e), b.verdict(e, window), f.verdict(e, window, Buffer.alloc(64, 1)), Buffer.from('x')));
	await signed(b, '/api/v1/entries', syncItems(b.certificate(e, window, [a, b, f]), a.receipt(e, 900), b.indicator('203.0.113.9', 60), d.selfReport(2)));
	await signed(b, '/api/v1/entries', 'x');
	const { id } = (await get('/api/v1/incidents')).json.incidents[0];
	for (const route of ['/healthz', '/metrics', '/peers', '/api/topology', '/api/report', '/api/v1/state', '/api/v1/feed', '/api/v1/session'])
		await get(route);
	await get('/api/report', '/api/report?limit=x');
	await get('/api/v1/feed', '/api/v1/feed?from=x');
	await get('/api/v1/incidents/{id}', `/api/v1/incidents/${id}`);
	await get('/api/v1/incidents/{id}', '/api/v1/incidents/0');
	const accused = (await c.get('/api/v1/incidents')).json.incidents;
	for (const target of [...accused.map((i) => `${i.id}/bundle`), '0/bundle', `${id}/bundle?of=x`, `${id}/bundle?of=release`])
		await get('/api/v1/incidents/{id}/bundle', `/api/v1/incidents/${target}`);
	await get('/api/v1/nodes/{node}', '/api/v1/nodes/node-a');
	await get('/api/v1/nodes/{node}', '/api/v1/nodes/nobody');
	await get('/api/v1/nodes/{node}/series', '/api/v1/nodes/node-a/series');
	await get('/api/v1/releases', `/api/v1/releases?node=${a.id.toString('hex')}`);
	await get('/api/v1/roster', '/api/v1/roster?offset=0');
	await get('/api/v1/roster', '/api/v1/roster');
	const more = readFileSync(path.join(mesh.ca, 'roster')).length;
	mesh.grow('node-f');
	const records = readFileSync(path.join(mesh.ca, 'roster')).subarray(more);
	await signed(a, '/api/v1/roster', rosterPart(more, records));
	assert.deepEqual((await signed(a, '/api/telemetry', { ...telemetry, roster: more + records.length })).json, { roster: more, entries: true });
	for (const body of ['x', rosterPart(more, records)]) await signed(a, '/api/v1/roster', body);
	await get('/api/v1/events', '/api/v1/events?since=x');
	await get('/session/{token}', '/session/00');
	check('post', '/api/v1/incidents/{id}/release', await c.post(`/api/v1/incidents/${id}/release`, { confirm: 'node-d', reason: 'x', kind: 'cleaned' }));
	check('post', '/api/v1/sessions', await c.post('/api/v1/sessions', { role: 'operator' }));
	check('delete', '/api/v1/session', await c.request('DELETE', '/api/v1/session'));
	const answered = new Set([...checked].map((line) => line.split(' ').slice(0, 2).join(' ')));
	const unasked = Object.entries(document.paths).flatMap(([route, methods]) => Object.keys(methods).map((m) => `${m} ${route}`)).filter((x) => !answered.has(x));
	// These need an operator's key: tests/interop/door.mjs.
	assert.deepEqual(unasked.sort(), ['delete /api/v1/sessions/{session}', 'get /api/v1/sessions/{session}/requests', 'post /api/v1/sessions/{session}/requests/{request}']);
});
