// Who may do what at the coordinator: sessions by one-time links, a page's
// writes, and releases that wait for the operator's terminal.  The operator's
// side is played by node:crypto.  usage: node door.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Coordinator, Key, Node, makeMesh, syncItems, windowNow } from './mesh.mjs';

const bin = process.argv[2];
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
let mesh, c, alice, bob, incidents;

const settings = () => ({ roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') });
const start = async (name, extra = {}) => new Coordinator(bin, path.join(mesh.dir, name), { ...settings(), ...extra }).ready();

function refused(answer, status, pattern) {
	assert.equal(answer.status, status, answer.text);
	assert.match(answer.json?.error ?? answer.text, pattern);
	assert.equal(answer.headers['x-content-type-options'], 'nosniff');
}

const open = async (who = alice, role = 'operator', at = c) => (await at.postSigned(who, '/api/v1/sessions', { role })).json;
const follow = (link, headers = {}, at = c) => at.get(new URL(link).pathname, { headers });
const cookieOf = (answer) => answer.headers['set-cookie'][0].split(';')[0];

// A browser that followed the link: its cookie, and what our page would send.
async function signIn(who = alice, role = 'operator', at = c) {
	const opened = await open(who, role, at);
	const cookie = cookieOf(await follow(opened.link, {}, at));
	const me = (await at.get('/api/v1/session', { headers: { cookie } })).json;
	const headers = { cookie, origin: `http://${at.authority}`, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json', 'x-phalanx-csrf': me.csrf };
	return { ...opened, cookie, me, headers, who };
}
const without = (headers, ...names) => Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
const ask = (page, incident, change = {}, { headers = {}, body } = {}) => c.post(`/api/v1/incidents/${incident.id}/release`,
	body ?? { confirm: incident.name, reason: 'disk replaced', kind: 'cleaned', ...change }, { headers: { ...page.headers, ...headers } });
const listen = (page, { who = page.who, afterNumber = 0 } = {}) => c.requestSigned(who, 'GET', `/api/v1/sessions/${page.session}/requests?after=${afterNumber}`);
const answer = (page, n, what, who = page.who) => c.postSigned(who, `/api/v1/sessions/${page.session}/requests/${n}`, { why: '', ...what });

// The release events from now on.
async function releases() {
	const stop = new AbortController(), seen = [];
	const stream = await fetch(`http://${c.authority}/api/v1/events`, { signal: stop.signal });
	(async () => {
		let text = '';
		for await (const chunk of stream.body) {
			text += Buffer.from(chunk).toString();
			for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
				const fields = Object.fromEntries(text.slice(0, end).split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]));
				if (fields.event === 'release') seen.push(JSON.parse(fields.data));
			}
		}
	})().catch(() => {});
	const until = async (phase) => {
		for (let i = 0; i < 900; i++) {
			const found = seen.find((event) => event.phase === phase);
			if (found) return found;
			await wait(20);
		}
		throw new Error(`no ${phase}: ${JSON.stringify(seen)}`);
	};
	return { seen, until, stop: () => stop.abort() };
}

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e'], { operators: ['alice', 'bob'] });
	[alice, bob] = mesh.operators;
	c = await start('main');
	const [a, b, d, e, f] = mesh.nodes, window = windowNow();
	// node-a by its own word, node-d by certificate, node-c confessed, node-e merely accused.
	const taken = await c.postSigned(b, '/api/v1/entries', syncItems(a.selfReport(2), b.certificate(e, window, [a, b, d, f]), d.selfReport(1), a.statement(f)));
	assert.equal(taken.json.accepted, 4, taken.text);
	incidents = Object.fromEntries((await c.get('/api/v1/incidents')).json.incidents.map((i) => [i.name, i]));
});
after(async () => {
	const { code, signal } = await c.stop();
	assert.deepEqual({ code, signal }, { code: 0, signal: null }, c.log);
	mesh.remove();
});

test('a link is had by an enrolled operator alone, and is good once, for a browser that a person leads there', async () => {
	refused(await c.post('/api/v1/sessions', { role: 'operator' }), 401, /unsigned/);
	refused(await c.postSigned(mesh.nodes[0], '/api/v1/sessions', { role: 'operator' }), 403, /operator/);
	refused(await c.postSigned(new Node(mesh, 'eve', new Key()), '/api/v1/sessions', { role: 'operator' }), 401, /keyid/);
	refused(await c.postSigned(new Node(mesh, 'alice', new Key(), alice.id), '/api/v1/sessions', { role: 'operator' }), 401, /verify/);
	refused(await c.postSigned(alice, '/api/v1/sessions', { role: 'operator' }, { change: { authority: 'other:8090' } }), 401, /verify/);
	for (const wrong of ['{', '[]', '{}', '{"role":"root"}', '{"role":7}'])
		refused(await c.postSigned(alice, '/api/v1/sessions', wrong), 400, /role|JSON/);
	const nonce = randomBytes(16), change = { nonce };
	assert.equal((await c.postSigned(alice, '/api/v1/sessions', { role: 'viewer' }, { change })).status, 200);
	refused(await c.postSigned(alice, '/api/v1/sessions', { role: 'viewer' }, { change }), 401, /used before/);

	const { link, expires_s: expires, session } = await open();
	assert.match(link, new RegExp(`^http://${c.authority}/session/[0-9a-f]{64}$`));
	assert.equal(expires, 60);
	assert.match(session, /^[0-9a-f]{32}$/);
	for (const site of ['cross-site', 'same-site', 'same-origin'])
		refused(await follow(link, { 'sec-fetch-site': site }), 403, /address bar/);
	assert.equal((await c.request('HEAD', new URL(link).pathname)).status, 405);
	const entered = await follow(link, { 'sec-fetch-site': 'none' });
	assert.equal(entered.status, 303);
	assert.equal(entered.headers.location, '/');
	assert.match(entered.headers['set-cookie'][0], /^phalanx=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
	assert.equal(entered.headers['cache-control'], 'no-store');
	refused(await follow(link), 410, /followed before/);
	for (const token of ['0'.repeat(64), 'x'.repeat(64), 'a', `${new URL(link).pathname.slice(9)}0`])
		refused(await c.get(`/session/${token}`), 410, /phalanx dashboard/);
	assert.equal((await c.get('/api/v1/session', { headers: { cookie: cookieOf(entered) } })).json.name, 'alice');
});

test('behind a proxy that speaks https the link and the cookie say so', async () => {
	const other = await start('https', { allowed_origin: 'https://mesh.example.org' });
	other.authority = 'mesh.example.org';
	const { link } = await open(alice, 'operator', other);
	assert.match(link, /^https:\/\/mesh\.example\.org\/session\//);
	assert.match((await follow(link, {}, other)).headers['set-cookie'][0], /; Secure$/);
	await other.stop();
});

test('the page learns who it is, and only its own cookie says so', async () => {
	const nobody = { role: 'viewer', name: '', csrf: '', sign_in: true, signed_in: false, listens: false, waiting: [] };
	for (const cookie of ['', 'phalanx=', 'phalanx=00', `phalanx=${'0'.repeat(64)}`, `other=${'0'.repeat(64)}`, 'phalanx=zz; phalanx=1'])
		assert.deepEqual((await c.get('/api/v1/session', { headers: { cookie } })).json, nobody, cookie);
	const page = await signIn();
	assert.equal(page.me.role, 'operator');
	assert.match(page.me.csrf, /^[0-9a-f]{32}$/);
	const viewer = await signIn(bob, 'viewer');
	assert.deepEqual([viewer.me.role, viewer.me.name, viewer.me.csrf], ['viewer', 'bob', '']);
});

test('a release is refused, with its reason, unless our own page asks for it by name', async () => {
	const page = await signIn(), viewer = await signIn(alice, 'viewer'), other = await signIn(bob);
	const a = incidents['node-a'];
	refused(await ask({ headers: without(page.headers, 'cookie') }, a), 401, /phalanx dashboard/);
	refused(await ask(page, a, {}, { headers: { cookie: `phalanx=${'0'.repeat(64)}` } }), 401, /phalanx dashboard/);
	refused(await ask({ ...viewer, headers: { ...viewer.headers, 'x-phalanx-csrf': page.me.csrf } }, a), 403, /only looks/);
	for (const site of ['cross-site', 'same-site', 'none', ''])
		refused(await ask(page, a, {}, { headers: { 'sec-fetch-site': site } }), 403, /another site/);
	refused(await ask({ headers: without(page.headers, 'sec-fetch-site') }, a), 403, /Sec-Fetch-Site/);
	for (const origin of ['http://evil.example', `http://${c.authority}.evil.example`, `http://localhost:${c.port}`, 'null', ''])
		refused(await ask(page, a, {}, { headers: { origin } }), 403, /origin/);
	refused(await ask({ headers: without(page.headers, 'origin') }, a), 403, /origin/);
	for (const token of ['', '0'.repeat(32), other.me.csrf, `${page.me.csrf}0`])
		refused(await ask(page, a, {}, { headers: { 'x-phalanx-csrf': token } }), 403, /Csrf/);
	refused(await ask({ headers: without(page.headers, 'x-phalanx-csrf') }, a), 403, /Csrf/);
	for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'text/plain; application/json'])
		refused(await ask(page, a, {}, { headers: { 'content-type': type } }), 415, /application\/json/);
	refused(await ask({ headers: without(page.headers, 'content-type') }, a), 415, /application\/json/);
	refused(await ask(page, a, {}, { headers: { host: 'evil.example' } }), 421, /name/);
	for (const id of ['0'.repeat(16), 'x', 'ff'.repeat(8), a.node])
		refused(await ask(page, { ...a, id }), 404, /incident/);
	for (const confirm of ['', 'node-b', 'node-a ', 'NODE-A', 7, null])
		refused(await ask(page, a, { confirm }), 400, /confirm/);
	for (const reason of ['', '   ', 'a\nb', 'a\u0085b', 'x'.repeat(513), 7, null])
		refused(await ask(page, a, { reason }), 400, /reason/);
	for (const kind of ['forgiven', 7])
		refused(await ask(page, a, { kind }), 400, /kind/);
	for (const body of ['', '{', '[]', `{"confirm":"node-a","confirm":"node-a","reason":"x"}`])
		refused(await ask(page, a, {}, { body }), 400, /JSON/);
	refused(await ask(page, a, {}, { body: 'x'.repeat(70000) }), 413, /65536/);
	refused(await ask(page, incidents['node-c']), 409, /never comes back/);
	refused(await ask(page, incidents['node-e']), 409, /nothing stands/);
	refused(await c.get(`/api/v1/incidents/${a.id}/release`, { headers: page.headers }), 405, /POST/);
	assert.deepEqual((await c.get('/api/v1/session', { headers: page.headers })).json.waiting, []);
});

test('what is asked at the page waits for the terminal, which declines or confirms it, once', async () => {
	const page = await signIn(), stranger = await signIn(bob);
	const events = await releases();
	const a = incidents['node-a'], d = incidents['node-d'];
	const waiting = listen(page);
	await wait(200);
	assert.equal((await c.get('/api/v1/session', { headers: page.headers })).json.listens, true);
	const started = Date.now();
	const first = await ask(page, a, { reason: 'it was a drill <b>\u202e' });
	assert.equal(first.status, 202, first.text);
	const got = await waiting;
	assert.ok(Date.now() - started < 1000, 'the terminal hears of it at once');
	assert.ok(got.headers.signature, 'and the coordinator has signed it');
	const [request] = got.json.requests;
	assert.deepEqual([request.n, request.name, request.by, request.kind, request.reason, request.from, request.incident],
		[first.json.request, 'node-a', 'alice', 'cleaned', 'it was a drill <b>\u202e', '127.0.0.1', a.id]);
	assert.equal((await events.until('waiting')).by, 'alice');

	refused(await ask(page, a), 409, /already/);
	refused(await ask(stranger, a), 409, /already/);
	const second = await ask(page, d, { kind: 'overturned', reason: 'wrong' });
	assert.equal(second.status, 202);
	const both = await listen(page);
	assert.deepEqual(both.json.requests.map((r) => [r.n, r.name, r.kind]), [[request.n, 'node-a', 'cleaned'], [second.json.request, 'node-d', 'overturned']]);
	assert.deepEqual((await c.get('/api/v1/session', { headers: page.headers })).json.waiting.map((w) => w.name), ['node-a', 'node-d']);

	// Only this operator, of this session, with a signature.
	refused(await c.get(`/api/v1/sessions/${page.session}/requests`, { headers: page.headers }), 401, /unsigned/);
	refused(await listen(page, { who: bob }), 404, /session/);
	refused(await listen(page, { who: mesh.nodes[0] }), 403, /operator/);
	refused(await answer(page, request.n, { answer: 'confirmed' }, bob), 404, /session/);
	refused(await answer(stranger, request.n, { answer: 'confirmed' }), 404, /request/);
	refused(await c.post(`/api/v1/sessions/${page.session}/requests/${request.n}`, { answer: 'confirmed' }, { headers: page.headers }), 401, /unsigned/);
	for (const what of [{ answer: 'maybe' }, { answer: '' }, { answer: 7 }, { answer: 'declined', why: 'a\nb' }])
		refused(await answer(page, request.n, what), 400, /answer|why/);

	assert.equal((await answer(page, request.n, { answer: 'declined', why: 'not on my watch' })).status, 200);
	const no = await events.until('refused');
	assert.deepEqual([no.id, no.name, no.by, no.reason], [a.id, 'node-a', 'alice', 'not on my watch']);
	refused(await answer(page, request.n, { answer: 'confirmed' }), 404, /answered/);
	assert.equal((await answer(page, second.json.request, { answer: 'confirmed' })).status, 200);
	assert.equal((await events.until('asked')).name, 'node-d');
	// Nothing was signed here: what stood still stands.
	for (const name of ['node-a', 'node-d'])
		assert.equal((await c.get('/api/v1/incidents')).json.incidents.find((i) => i.name === name).level, 'quarantine');
	events.stop();
});

test('without a terminal nothing is asked, and what waits is refused when it goes away', async () => {
	const page = await signIn(), events = await releases(), a = incidents['node-a'];
	assert.equal((await listen(page)).status, 200); // it waited in vain, for 8 seconds
	await wait(5200);
	refused(await ask(page, a), 503, /listens/);
	void c.requestSigned(alice, 'GET', `/api/v1/sessions/${page.session}/requests`).catch(() => {});
	await wait(100);
	assert.equal((await ask(page, a)).status, 202);
	assert.match((await events.until('refused')).reason, /gone away/);
	events.stop();
});

test('signing out at either end ends the session and what waits in it', async () => {
	const a = incidents['node-a'];
	const page = await signIn(), events = await releases();
	assert.equal((await ask(page, a)).status, 202);
	const waiting = listen(page, { afterNumber: 1e9 });
	await wait(100);
	refused(await c.request('DELETE', '/api/v1/session', { headers: { ...page.headers, 'sec-fetch-site': 'cross-site' } }), 403, /another site/);
	const left = await c.request('DELETE', '/api/v1/session', { headers: page.headers });
	assert.equal(left.status, 200);
	assert.match(left.headers['set-cookie'][0], /^phalanx=; .*Max-Age=0/);
	refused(await waiting, 404, /ended/);
	assert.match((await events.until('refused')).reason, /signed out/);
	events.stop();
	refused(await ask(page, a), 401, /not signed in|phalanx dashboard/);
	refused(await listen(page), 404, /session/);

	const again = await signIn();
	refused(await c.requestSigned(bob, 'DELETE', `/api/v1/sessions/${again.session}`), 404, /session/);
	refused(await c.request('DELETE', `/api/v1/sessions/${again.session}`, { headers: again.headers }), 401, /unsigned/);
	assert.equal((await c.requestSigned(alice, 'DELETE', `/api/v1/sessions/${again.session}`)).status, 200);
	refused(await ask(again, a), 401, /not signed in/);
});

test('an operator has eight sessions at most: the longest unused gives way, another operator\'s never', async () => {
	const theirs = await signIn(bob);
	const mine = [];
	for (let i = 0; i < 9; i++) mine.push(await signIn(alice));
	const names = await Promise.all([theirs, ...mine].map(async (p) => (await c.get('/api/v1/session', { headers: p.headers })).json.name));
	assert.deepEqual(names, ['bob', '', ...Array(8).fill('alice')]);
});

test('with viewers = signed-in only sessions and signatures read', async () => {
	const shut = await start('shut', { viewers: 'signed-in' });
	const reads = ['/api/v1/state', '/api/v1/incidents', '/api/v1/events', '/api/topology', '/api/report', '/peers'];
	for (const target of reads) {
		refused(await shut.get(target), 401, /sign in.*phalanx dashboard/);
		refused(await shut.get(target, { headers: { cookie: `phalanx=${'0'.repeat(64)}` } }), 401, /sign in/);
	}
	const viewer = await signIn(alice, 'viewer', shut);
	for (const target of reads.filter((t) => t !== '/api/v1/events')) {
		assert.equal((await shut.get(target, { headers: { cookie: viewer.cookie } })).status, 200, target);
		assert.equal((await shut.requestSigned(mesh.nodes[0], 'GET', target)).status, 200, target);
		refused(await shut.requestSigned(new Node(mesh, 'x', new Key()), 'GET', target), 401, /keyid/);
	}
	// Who signs out stops looking.
	const stream = await fetch(`http://${shut.authority}/api/v1/events`, { headers: { cookie: viewer.cookie }, signal: AbortSignal.timeout(5000) });
	assert.equal(stream.status, 200);
	assert.equal((await shut.request('DELETE', '/api/v1/session', { headers: viewer.headers })).status, 200);
	await assert.rejects(async () => { for await (const chunk of stream.body) void chunk; }, (error) => error.name !== 'TimeoutError');
	for (const open_ of ['/', '/healthz', '/api/v1/session', '/metrics', '/api/v1/roster?offset=0'])
		assert.equal((await shut.get(open_)).status, 200, open_);
	await shut.stop();
});

test('a restart signs everybody out, and says so', async () => {
	const page = await signIn();
	const { link } = await open();
	await c.stop('SIGKILL');
	c = await start('main', { port: c.port, listen: `127.0.0.1:${c.port}` });
	refused(await ask(page, incidents['node-a']), 401, /restart/);
	refused(await follow(link), 410, /started anew/);
	refused(await listen(page), 404, /started anew/);
});
