// The stand-in keeps to the contracts that it stands in for, and each of its faults is the fault that it says.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { FAULTS, ModelServer } from './model_server.mjs';

const ask = (more = {}) => ({ model: 'stand-in:1b', messages: [{ role: 'user', content: 'score' }], stream: false, ...more });

function call(port, path, body, { method = body === undefined ? 'GET' : 'POST', headers = {}, abortAfter = 0 } = {}) {
	return new Promise((resolve, reject) => {
		const req = request({ port, path, method, headers, agent: false }, (res) => {
			const parts = [];
			res.on('data', (part) => parts.push(part));
			res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString() }));
			res.on('error', reject);
		});
		req.on('error', reject);
		if (abortAfter > 0)
			setTimeout(() => req.destroy(new Error('hung up')), abortAfter);
		req.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
	});
}

async function within(settings, run) {
	const server = new ModelServer(settings);
	const port = await server.listen();
	try {
		await run(port, server);
	} finally {
		await server.close();
	}
}

// What the server writes to somebody who listens for `ms`.
function raw(port, body, ms) {
	return new Promise((resolve) => {
		const text = JSON.stringify(body);
		const socket = connect(port, '127.0.0.1', () => socket.write(`POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`));
		let got = '';
		let end = '';
		socket.on('data', (data) => { got += data.toString('latin1'); });
		socket.on('error', (error) => { end = error.code; });
		socket.on('end', () => { end ||= 'end'; });
		socket.on('close', () => resolve({ got, end }));
		setTimeout(() => { if (!socket.destroyed) { end = 'open'; socket.destroy(); } }, ms);
	});
}

test('a healthy answer of Ollama has every field that a client may look at', () => within({}, async (port) => {
	const { status, text, headers } = await call(port, '/api/chat', ask());
	const body = JSON.parse(text);
	assert.equal(status, 200);
	assert.equal(headers['content-type'], 'application/json; charset=utf-8');
	assert.deepEqual([body.done, body.done_reason, body.message.role], [true, 'stop', 'assistant']);
	assert.equal(JSON.parse(body.message.content).threat_score, 8);
	for (const field of ['total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration', 'eval_count', 'eval_duration'])
		assert.equal(typeof body[field], 'number', field);
}));

test('without stream:false Ollama answers one object a line, done only in the last', () => within({}, async (port) => {
	const { text, headers } = await call(port, '/api/chat', ask({ stream: undefined }));
	const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
	assert.equal(headers['content-type'], 'application/x-ndjson');
	assert.deepEqual(lines.map((line) => line.done).filter(Boolean), [true]);
	assert.equal(JSON.parse(lines.map((line) => line.message.content).join('')).threat_score, 8);
}));

test('an answer of the OpenAI kind has choices, usage and a finish_reason; a wrong token gets 401', () => within({ token: 'abc' }, async (port) => {
	assert.equal((await call(port, '/v1/chat/completions', ask())).status, 401);
	const { text } = await call(port, '/v1/chat/completions', ask(), { headers: { Authorization: 'Bearer abc' } });
	const body = JSON.parse(text);
	assert.equal(body.choices[0].finish_reason, 'stop');
	assert.equal(body.object, 'chat.completion');
	assert.equal(body.usage.total_tokens, body.usage.prompt_tokens + body.usage.completion_tokens);
}));

test('models are listed in both ways, with a digest where there is one', () => within({}, async (port) => {
	assert.match(JSON.parse((await call(port, '/api/tags')).text).models[0].digest, /^[0-9a-f]{64}$/);
	assert.equal(JSON.parse((await call(port, '/v1/models')).text).data[0].id, 'stand-in:1b');
	assert.equal((await call(port, '/')).text, 'Ollama is running');
}));

test('errors have their codes and shapes', () => within({ thinks: false }, async (port) => {
	const status = async (path, body) => (await call(port, path, body)).status;
	assert.equal(await status('/api/chat', '{'), 400);
	assert.equal(await status('/api/chat', ask({ model: 'other' })), 404);
	assert.equal(await status('/api/chat', ask({ options: { num_ctx: '2048' } })), 400);
	assert.equal(await status('/api/chat', ask({ max_tokens: 96 })), 400);
	assert.equal(await status('/api/nothing'), 404);
	assert.equal(await status('/api/chat'), 405);
	const refused = await call(port, '/api/chat', ask({ think: false }));
	assert.deepEqual([refused.status, JSON.parse(refused.text).error], [400, '"stand-in:1b" does not support thinking']);
	assert.equal((await call(port, '/v1/chat/completions', ask({ model: 'other' }))).status, 404);
}));

test('a client that hangs up aborts the load; one that waits gets it done, and other options load again', () => within({ load: 300 }, async (port, server) => {
	await assert.rejects(call(port, '/api/chat', ask(), { abortAfter: 50 }));
	const load = await call(port, '/api/generate', { model: 'stand-in:1b', options: { num_ctx: 2048 } });
	assert.equal(JSON.parse(load.text).done_reason, 'load');
	const start = Date.now();
	await call(port, '/api/chat', ask({ options: { num_ctx: 2048 } }));
	assert.ok(Date.now() - start < 250);
	await call(port, '/api/chat', ask({ options: { num_ctx: 4096 } }));
	assert.deepEqual([server.counts.loads, server.counts.loads_aborted, server.counts.hung_up], [3, 1, 1]);
}));

test('one request runs at a time, the queue is bounded', () => within({ delay: 100, queue: 1 }, async (port, server) => {
	const all = await Promise.all([1, 2, 3].map(() => call(port, '/api/chat', ask())));
	assert.deepEqual(all.map((a) => a.status).sort(), [200, 200, 503]);
	assert.equal(server.counts.in_flight_most, 2);
}));

test('a fault lasts as often as asked', () => within({ fault: '500', times: 1 }, async (port) => {
	assert.equal((await call(port, '/api/chat', ask())).status, 500);
	assert.equal((await call(port, '/api/chat', ask())).status, 200);
}));

test('the control door takes what is a setting, and nothing else', () => within({}, async (port) => {
	assert.equal((await call(port, '/_control', { answer: 'ten' })).status, 200);
	assert.equal(JSON.parse(JSON.parse((await call(port, '/api/chat', ask())).text).message.content).threat_score, 10);
	assert.equal((await call(port, '/_control', { answers: 'ten' })).status, 400);
	assert.equal((await call(port, '/_control', { fault: 'none' })).status, 400);
	assert.equal(JSON.parse((await call(port, '/_control')).text).counts.requests, 1);
}));

test('the same seed draws the same scores', () => within({ answer: 'random', seed: 7 }, async (port) => {
	const draw = async () => JSON.parse(JSON.parse((await call(port, '/api/chat', ask())).text).message.content).threat_score;
	const first = [await draw(), await draw(), await draw(), await draw()];
	await call(port, '/_control', { seed: 8 });
	await call(port, '/_control', { seed: 7 });
	assert.deepEqual([await draw(), await draw(), await draw(), await draw()], first);
}));

// What each fault looks like on the wire: the ending, and a pattern of the bytes.
const WIRE = {
	'400': ['open', /^HTTP\/1.1 400 .*"error"/s], '404': ['open', /^HTTP\/1.1 404 .*not found/s], '499': ['open', /^HTTP\/1.1 499 .*canceled/s],
	'500': ['open', /^HTTP\/1.1 500 .*terminated/s], '503': ['open', /^HTTP\/1.1 503 .*busy/s], 'error-200': ['open', /^HTTP\/1.1 200 .*"error"/s],
	'403': ['open', /^HTTP\/1.1 403 .*\r\n\r\n$/s], '204': ['open', /^HTTP\/1.1 204 /], 'redirect': ['open', /^HTTP\/1.1 302 .*Location: /s],
	'html': ['open', /text\/html.*<!doctype/s], 'gzip': ['open', /Content-Encoding: gzip/], 'hang': ['open', /^$/], 'close': ['end', /^$/],
	'reset': ['ECONNRESET', /^$/], 'reset-in-body': ['ECONNRESET', /^HTTP\/1.1 200 .*"model"/s], 'close-in-body': ['end', /"model".*[^}]$/s],
	'length-too-long': ['end', /"model".*}$/s], 'length-too-short': ['end', /"model".*}$/s], 'length-not-a-number': ['end', /Content-Length: 12x/],
	'two-lengths': ['end', /Content-Length: 3\r\nContent-Length/], 'no-length': ['end', /^HTTP\/1.0 200 /], 'chunked': ['open', /chunked.*\r\n0\r\n\r\n$/s],
	'chunked-bad': ['end', /\r\nzz\r\n/], 'chunked-cut': ['end', /chunked.*}\r\n$/s], 'garbage': ['end', /^\0\xff/], 'huge-announced': ['open', /1099511627776/],
	'headers-without-end': ['open', /(X-a+: 1\r\n){3}/], 'continue-without-end': ['open', /(HTTP\/1.1 100 Continue\r\n\r\n){3}/],
	'trickle': ['open', /^HTTP\/1.1/], 'huge': ['open', /x{65536}/], 'endless': ['open', /4000\r\n {16384}/], 'ndjson': ['open', /x-ndjson.*\}\n\{/s],
	'two-objects': ['open', /\}\{/], 'duplicate-key': ['open', /"done":true.*"done":true/s], 'cut-json': ['open', /[^}]$/], 'bom': ['open', /\xef\xbb\xbf/],
	'bad-utf8': ['open', /stand\xff\xfein/],
	'not-done': ['open', /"done":false/], 'length': ['open', /"done_reason":"length"/], 'load-reason': ['open', /"done_reason":"load"/],
	'remote': ['open', /"remote_host"/], 'tools': ['open', /"tool_calls"/], 'thinking': ['open', /"thinking"/], 'empty': ['open', /"content":""/],
	'null-content': ['open', /"content":null/], 'no-message': ['open', /"done":true/], 'two-choices': ['open', /"done":true/], 'error-inside': ['open', /"error":"something/],
};

test('every fault is on the wire what its name says', () => within({ drip: 5, size: 70000 }, async (port, server) => {
	assert.deepEqual(Object.keys(WIRE).sort(), [...FAULTS].sort());
	for (const [fault, [end, bytes]] of Object.entries(WIRE)) {
		server.set({ fault });
		let got = await raw(port, ask(), 150);
		// What drips may be late on a busy machine.
		if (!bytes.test(got.got)) got = await raw(port, ask(), 3000);
		assert.equal(got.end, end, fault);
		assert.match(got.got, bytes, fault);
	}
}));
