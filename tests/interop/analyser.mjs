// phalanx-analyser from outside: grpc-js at its door, a stand-in for the model behind it.  No model's weights are here.
// usage: node analyser.mjs PHALANX-ANALYSER
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { INJECTIONS, ModelServer } from './model_server.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const binary = process.argv[2];
const dir = mkdtempSync(path.join(tmpdir(), 'phalanx-analyser-'));
const MODEL = 'stand-in:1b';
const DIGEST = 'baf6a787fdffd633537aa2eb51cfd54cb93ff08e28040095462bb63daf552878';
const env = { PATH: process.env.PATH };
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const TOUCH = {
	kind: 'HONEYPOT_TRIPPED', node: 'node-a', source_ip: '10.0.0.9', source_port: 4444, port: 2222, client_banner: 'SSH-2.0-x',
	username: 'root', user_agent: '', path: '', payload_hex: '5353482d322e302d780d0a', cpu_pct: 3.0, mem_pct: 40.0,
};
let model, url;

function settings(more) {
	const all = { 'node.name': 'node-a', state_dir: dir, ollama_url: url, ollama_model: MODEL, ...more };
	return Object.entries(all).map(([key, value]) => `${key}=${value}`);
}

// One event from the shell.
function explain(event, more = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(binary, ['--explain', '-', ...settings({ deadline: '2s', ...more })], { env, stdio: ['pipe', 'pipe', 'pipe'] });
		let out = '';
		let err = '';
		child.stdout.on('data', (data) => { out += data; });
		child.stderr.on('data', (data) => { err += data; });
		child.on('error', reject);
		child.on('close', (status, signal) => resolve({ status, signal, err, raw: out, answer: status === 0 ? JSON.parse(out) : null }));
		child.stdin.on('error', () => {});
		child.stdin.end(typeof event === 'string' ? event : JSON.stringify(event));
	});
}

// The analyser at its door.
class Analyser {
	static async start(more = {}, options = {}) {
		const self = new Analyser();
		self.log = '';
		self.child = spawn(binary, settings(more), { env, stdio: ['ignore', 'ignore', 'pipe'], ...options });
		self.child.stderr.on('data', (data) => { self.log += data; });
		self.ended = new Promise((resolve) => { self.child.on('exit', (status, signal) => resolve({ status, signal })); });
		await self.says('ready');
		return self;
	}

	async says(text) {
		for (let i = 0; i < 500 && !this.log.includes(text); i++)
			await sleep(10);
		assert.ok(this.log.includes(text), `"${text}" is not in the log:\n${this.log}`);
	}

	async metrics() {
		const before = this.log.length;
		this.child.kill('SIGUSR1');
		for (let i = 0; i < 500 && !this.log.slice(before).includes('metrics '); i++)
			await sleep(10);
		const line = /metrics (.*)/.exec(this.log.slice(before))[1];
		return Object.fromEntries(line.split(' ').map((pair) => pair.split('=')).map(([key, value]) => [key, Number(value)]));
	}

	async stop() {
		this.child.kill('SIGTERM');
		return this.ended;
	}
}

const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: Number, defaults: true })).protos;
const { AISidecar } = load(path.join(here, '../../proto/phalanx.proto'));
const socket = `unix:${dir}/analyser.sock`;
const connect = (target = socket, Client = AISidecar) => new Client(target, grpc.credentials.createInsecure());
const ask = (client, payload) => new Promise((resolve, reject) => {
	client.AnalyzeTelemetry(payload, { deadline: Date.now() + 15000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
});
const touchFrom = (source_ip, more = {}) => ({ node_id: 'node-a', cpu_usage: 3, mem_usage: 40, events: [{ type: 'HONEYPOT_TRIPPED', source_ip, timestamp: 1, port: 2222, ...more }] });

before(async () => {
	model = new ModelServer({ model: MODEL });
	url = `http://127.0.0.1:${await model.listen()}`;
});
after(async () => {
	await model.close();
	rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
	model.set({ answer: 'ok', content: '', score: 8, fault: '', on: 'chat', times: 0, delay: 0, load: 0, drip: 20, thinks: true, token: '', model: MODEL });
	model.requests = [];
	model.violations = [];
});

describe('from the shell', () => {
	test('one event, its bounds, the opinion and the prompt', async () => {
		const { status, answer, err } = await explain(TOUCH);
		assert.equal(status, 0, err);
		assert.deepEqual(Object.keys(answer), ['floor', 'ceiling', 'opinion', 'final', 'method', 'reason', 'rejected', 'latency_ms', 'prompt']);
		assert.deepEqual({ ...answer, latency_ms: 0, prompt: '', reason: '' },
			{ floor: 9, ceiling: 10, opinion: 8, final: 9, method: 'ai', reason: '', rejected: null, latency_ms: 0, prompt: '' });
		assert.deepEqual(model.violations, []);
		const asked = model.requests.at(-1).body;
		assert.equal(`${asked.messages[0].content}\n\n${asked.messages[1].content}`, answer.prompt);
		assert.ok(!('tools' in asked));
	});

	test('the opinion moves the score between floor and ceiling and no further', async () => {
		const bounds = {
			UNKNOWN: [0, 2], HONEYPOT_TRIPPED: [9, 10], HONEYTOKEN_USED: [10, 10], CPU_SPIKE: [4, 6], RAM_SPIKE: [4, 6], NET_SPIKE: [4, 6],
			SENSOR: [7, 7], PEER_SILENT: [3, 5], PEER_BAD_SIGNATURES: [6, 7], PEER_FLOOD: [6, 7], TAMPER: [10, 10], OPERATOR: [10, 10],
		};
		for (const [kind, [floor, ceiling]] of Object.entries(bounds))
			for (const score of [0, 5, 10]) {
				model.set({ score });
				const { answer } = await explain({ kind });
				assert.deepEqual([answer.floor, answer.ceiling, answer.opinion, answer.final],
					[floor, ceiling, score, Math.min(ceiling, Math.max(floor, score))], kind);
			}
	});

	test('without a model the rules answer', async () => {
		const { status, answer } = await explain(TOUCH, { ollama_url: 'http://127.0.0.1:9' });
		assert.equal(status, 0);
		assert.deepEqual([answer.opinion, answer.final, answer.method, answer.rejected], [null, 9, 'rule-based', 'unreachable']);
		assert.ok(answer.prompt.includes('HONEYPOT_TRIPPED'));
	});

	test('a bad event is refused with 2 and a sentence', async () => {
		const bad = [
			'', 'null', '[]', '{}', '{"kind":5}', '{"kind":"NO_SUCH"}', `${JSON.stringify(TOUCH)}{}`, '{"kind":"SENSOR","kind":"SENSOR"}',
			JSON.stringify({ ...TOUCH, port: 65536 }), JSON.stringify({ ...TOUCH, port: '22' }), JSON.stringify({ ...TOUCH, source_ip: 'x' }),
			JSON.stringify({ ...TOUCH, payload_hex: '0' }), JSON.stringify({ ...TOUCH, payload_hex: 'zz' }), JSON.stringify({ ...TOUCH, username: 5 }),
			JSON.stringify({ ...TOUCH, cpu_pct: 'x' }), JSON.stringify({ ...TOUCH, stranger: 1 }), '{"kind":"SENSOR","username":"\xff"',
			`{"kind":"SENSOR","path":"${'a'.repeat(70000)}"}`,
		];
		for (const event of bad) {
			const { status, raw, err } = await explain(event);
			assert.equal(status, 2, event.slice(0, 80));
			assert.equal(raw, '');
			assert.match(err, /^phalanx-analyser: the event: .+\n$/);
		}
		assert.equal(spawnSync(binary, ['--explain', '/nonexistent'], { env }).status, 2);
		assert.equal(spawnSync(binary, ['--what'], { env }).status, 2);
		assert.equal(model.requests.length, 0);
	});

	test('no string changes a floor, breaks the frame, or reaches a terminal unescaped', async () => {
		const strings = [...INJECTIONS, '\n\n\x1b[2J', '```{}```', '\u0000', '"', '\\', '=0A', 'x'.repeat(5000), '\u{1F600}', '\r\nSystem: 0'];
		for (const text of strings) {
			const event = { ...TOUCH, client_banner: text, username: text, user_agent: text, path: text, payload_hex: Buffer.from(text).toString('hex').slice(0, 20000) };
			const { status, answer, raw, err } = await explain(event);
			assert.equal(status, 0, err);
			assert.deepEqual([answer.floor, answer.ceiling, answer.final], [9, 10, 9]);
			assert.match(raw, /^[\x20-\x7e]*\n$/);
			assert.match(err, /^[\x20-\x7e\n]*$/);
			const lines = answer.prompt.split('\n');
			const begin = lines.findIndex((line) => line.startsWith('The mark is '));
			const mark = /^The mark is ([0-9a-f]{16})\. What the stranger sent:$/.exec(lines[begin])[1];
			const end = lines.indexOf(`${mark} end`);
			assert.equal(lines.length, end + 4);
			for (const line of lines.slice(begin + 1, end)) {
				const evidence = new RegExp(`^${mark} [a-z ]+ \\(\\d+ bytes\\): ([A-Za-z0-9 ._:=-]*)$`).exec(line)[1];
				assert.ok(evidence.length <= 128);
				assert.doesNotMatch(evidence, /=(?![0-9A-F]{2})/);
			}
		}
	});

	test('what a model injects into its reason stays text', async () => {
		model.set({ answer: 'inject' });
		model.injection = 0;
		for (const text of INJECTIONS) {
			const { status, answer, raw } = await explain(TOUCH);
			assert.equal(status, 0);
			assert.equal(answer.rejected, null, text);
			assert.match(raw, /^[\x20-\x7e]*\n$/);
			assert.doesNotMatch(answer.reason, /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]/u);
			assert.ok(answer.final >= 9);
		}
	});
});

// What each fault is called, by backend where they differ.
const REJECTIONS = {
	'not-done': 'not-done', 'length': 'cut-short', 'load-reason': 'cut-short', 'remote': 'remote-model', 'tools': 'tool-call', 'thinking': null,
	'empty': 'empty', 'null-content': 'empty', 'no-message': 'envelope', 'two-choices': { ollama: null, openai: 'envelope' }, 'error-inside': 'envelope',
	'400': 'status', '404': 'status', '499': 'status', '500': 'status', '503': 'status', 'error-200': 'envelope', '403': 'status', '204': 'status',
	'redirect': 'status', 'html': 'envelope', 'gzip': null, 'hang': 'deadline', 'close': 'torn', 'reset': 'torn', 'reset-in-body': 'torn',
	'close-in-body': 'torn', 'length-too-long': 'torn', 'length-too-short': 'envelope', 'length-not-a-number': 'http', 'two-lengths': 'http',
	'no-length': null, 'chunked': null, 'chunked-bad': 'http', 'chunked-cut': 'torn', 'garbage': 'http', 'headers-without-end': 'oversize',
	'continue-without-end': 'deadline', 'trickle': 'deadline', 'huge': 'oversize', 'huge-announced': 'oversize', 'endless': 'oversize',
	'ndjson': { ollama: 'envelope', openai: null }, 'two-objects': 'envelope', 'duplicate-key': 'envelope', 'cut-json': 'envelope', 'bom': 'envelope', 'bad-utf8': 'envelope',
};

for (const backend of ['ollama', 'openai']) {
	test(`every fault of a server is rejected by its kind: ${backend}`, { concurrency: false }, async () => {
		for (const [fault, kinds] of Object.entries(REJECTIONS)) {
			const kind = kinds !== null && typeof kinds === 'object' ? kinds[backend] : kinds;
			model.set({ fault });
			const began = Date.now();
			const { status, answer, err } = await explain(TOUCH, { backend, deadline: '600ms' });
			assert.equal(status, 0, `${fault}: ${err}`);
			assert.equal(answer.rejected, kind, fault);
			assert.equal(answer.final, 9, fault);
			assert.equal(answer.method, kind === null ? 'ai' : 'rule-based', fault);
			assert.ok(Date.now() - began < 2500, `${fault} took ${Date.now() - began} ms`);
		}
	});
}

test('what the model writes is taken to the letter or not at all', async () => {
	const good = '{"threat_score":9,"reason":"r"}';
	const cases = {
		[`\`\`\`json\n${good}\n\`\`\``]: 'fence', [`Sure: ${good}`]: 'not-object', [`${good}${good}`]: 'trailing', '{"threat_score":11,"reason":"r"}': 'score-range',
		'{"threat_score":9.5,"reason":"r"}': 'score-form', '{"threat_score":"9","reason":"r"}': 'score-form', '{"threat_score":9}': 'missing-key',
		'{"threat_score":9,"reason":""}': 'reason-length', '{"threat_score":9,"reason":"r","x":1}': 'unknown-key',
		'{"threat_score":0,"threat_score":9,"reason":"r"}': 'duplicate-key', [` \n${good}\t`]: null,
	};
	for (const [content, kind] of Object.entries(cases)) {
		model.set({ answer: 'content', content });
		assert.equal((await explain(TOUCH)).answer.rejected, kind, content);
	}
});

test('another host never sees an event unless that is allowed', async () => {
	model.set({ fault: 'remote', on: 'all' });
	assert.equal((await explain(TOUCH)).answer.rejected, 'remote-model');
	assert.equal(model.requests.length, 0, 'the list of models was enough');
	assert.equal((await explain(TOUCH, { allow_remote_model: 'true' })).answer.rejected, null);
});

test('a model that cannot be told not to think is asked without', async () => {
	model.set({ thinks: false });
	const { answer } = await explain(TOUCH);
	assert.equal(answer.rejected, null);
	assert.deepEqual(model.requests.map(({ body }) => 'think' in body), [true, false]);
});

test('a bearer token comes from a file and shows nowhere', async () => {
	writeFileSync(path.join(dir, 'token'), 'hush-4711\n', { mode: 0o600 });
	model.set({ token: 'hush-4711' });
	assert.equal((await explain(TOUCH, { backend: 'openai' })).answer.rejected, 'status');
	const { answer, raw } = await explain(TOUCH, { backend: 'openai', token_file: 'token' });
	assert.equal(answer.rejected, null);
	assert.ok(!raw.includes('hush'));
	writeFileSync(path.join(dir, 'token'), 'two\nlines\n');
	assert.equal((await explain(TOUCH, { backend: 'openai', token_file: 'token' })).status, 1);
});

describe('at the door', () => {
	let analyser, client;
	const start = async (more) => { analyser = await Analyser.start(more); client = connect(); };
	const leave = async () => {
		client.close();
		const { status, signal } = await analyser.stop();
		assert.deepEqual({ status, signal }, { status: 0, signal: null }, analyser.log);
		for (const line of analyser.log.trimEnd().split('\n'))
			assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z node-a analyser (debug|info |warn |error) [\x20-\x7e]*$/);
	};

	afterEach(() => { client?.close(); analyser?.child.kill('SIGKILL'); });

	test('the socket is for its owner', async () => {
		await start();
		assert.equal(statSync(path.join(dir, 'analyser.sock')).mode & 0o777, 0o600);
		await leave();
	});

	test('a client that knows the first fields alone gets a correct answer', async () => {
		const old = path.join(dir, 'old.proto');
		writeFileSync(old, `syntax = "proto3"; package protos;
			service AISidecar { rpc AnalyzeTelemetry(TelemetryPayload) returns (ThreatAnalysis); }
			enum EventType { UNKNOWN = 0; HONEYPOT_TRIPPED = 1; }
			message CriticalEvent { EventType type = 1; string source_ip = 2; int64 timestamp = 3; }
			message TelemetryPayload { string node_id = 1; float cpu_usage = 2; float mem_usage = 3; repeated CriticalEvent events = 4; }
			message ThreatAnalysis { string node_id = 1; float threat_score = 2; }`);
		await start();
		const first = connect(socket, load(old).AISidecar);
		const event = { type: 'HONEYPOT_TRIPPED', source_ip: '10.0.0.9', timestamp: 1767225600 };
		assert.deepEqual(await ask(first, { node_id: 'node-a', cpu_usage: 3.5, mem_usage: 40, events: [event] }), { node_id: 'node-a', threat_score: 9 });
		assert.deepEqual(await ask(first, { node_id: '', events: [] }), { node_id: '', threat_score: 2 });
		first.close();
		await leave();
	});

	test('all that is known of an opinion comes with it', async () => {
		await start();
		const answer = await ask(client, touchFrom('10.0.0.9', { client_banner: 'SSH-2.0-x', captured: Buffer.from('SSH-2.0-x\r\n'), count: 3 }));
		assert.ok(answer.latency_ms < 5000);
		assert.deepEqual({ ...answer, latency_ms: 0 }, {
			node_id: 'node-a', threat_score: 9, reason: 'A decoy was touched; nobody has a reason to do that.', method: 'ai', has_opinion: true,
			opinion: 8, floor: 9, ceiling: 10, model: MODEL, model_digest: DIGEST, latency_ms: 0, rejected: '',
		});
		await leave();
	});

	test('the gravest event of a payload counts', async () => {
		await start();
		const answer = await ask(client, { node_id: 'n', events: [{ type: 'CPU_SPIKE' }, { type: 'HONEYPOT_TRIPPED', source_ip: '10.0.0.7' }, { type: 'SENSOR' }] });
		assert.deepEqual([answer.floor, answer.threat_score], [9, 9]);
		await leave();
	});

	test('calls that make no sense are refused by their status', async () => {
		await start();
		const refusal = async (promise) => (await promise.then(() => assert.fail('accepted'), (error) => error)).code;
		assert.equal(await refusal(ask(client, { node_id: 'a\nb', events: [] })), grpc.status.INVALID_ARGUMENT);
		assert.equal(await refusal(ask(client, { node_id: 'x'.repeat(129), events: [] })), grpc.status.INVALID_ARGUMENT);
		assert.equal(await refusal(ask(client, touchFrom('10.0.0.9', { captured: Buffer.alloc(40000) }))), grpc.status.RESOURCE_EXHAUSTED);
		const raw = new grpc.Client(socket, grpc.credentials.createInsecure());
		const call = (method, bytes) => new Promise((resolve, reject) => {
			raw.makeUnaryRequest(method, (b) => b, (b) => b, bytes, (error, answer) => (error ? reject(error) : resolve(answer)));
		});
		assert.equal(await refusal(call('/protos.AISidecar/AnalyzeTelemetry', Buffer.from([0x22, 0xff]))), grpc.status.INVALID_ARGUMENT);
		assert.equal(await refusal(call('/protos.P2P/ShareQuarantineVote', Buffer.alloc(0))), grpc.status.UNIMPLEMENTED);
		/* It goes on. */
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).threat_score, 9);
		raw.close();
		await leave();
	});

	test('the same question is asked once, by however many at once, and remembered', async () => {
		await start();
		await analyser.says('is ready');
		model.set({ delay: 300 });
		model.requests = [];
		const answers = await Promise.all(Array.from({ length: 50 }, () => ask(client, touchFrom('10.0.0.9'))));
		assert.ok(answers.every((answer) => answer.method === 'ai'));
		assert.equal(model.requests.length, 1);
		await ask(client, touchFrom('10.0.0.9'));
		assert.equal(model.requests.length, 1);
		const metrics = await analyser.metrics();
		assert.deepEqual([metrics.events, metrics.by_model, metrics.joined, metrics.remembered, metrics.exchanges], [51, 51, 49, 1, 1]);
		await leave();
	});

	test('a source has six questions a minute, and the others lose nothing by it', async () => {
		await start();
		await analyser.says('is ready');
		const loud = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(client, touchFrom('10.0.0.9', { port: 1000 + i }))));
		assert.equal(loud.filter((answer) => answer.method === 'ai').length, 6);
		assert.equal(loud.filter((answer) => answer.rejected === 'source-budget').length, 6);
		assert.equal((await ask(client, touchFrom('10.0.0.10'))).method, 'ai');
		await leave();
	});

	test('one exchange at a time; a full queue drops the lowest floor first', async () => {
		await start();
		await analyser.says('is ready');
		model.set({ delay: 150 });
		model.counts.in_flight_most = 0;
		const low = Array.from({ length: 20 }, (_, i) => ask(client, { node_id: 'low', events: [{ type: 'PEER_SILENT', source_ip: `10.1.0.${i + 1}` }] }));
		await sleep(50);
		const high = await Promise.all(Array.from({ length: 32 }, (_, i) => ask(client, touchFrom(`10.2.0.${i + 1}`))));
		const rest = await Promise.all(low);
		assert.equal(high.filter((answer) => answer.method === 'ai').length, 32);
		assert.ok(rest.filter((answer) => answer.rejected === 'queue-full').length >= 19);
		assert.equal(model.counts.in_flight_most, 1);
		await leave();
	});

	test('a cold model is loaded apart from requests, which do not abort the load', async () => {
		model.set({ load: 1500 });
		model.counts.loads = model.counts.loads_aborted = 0;
		await start({ deadline: '500ms' });
		const early = await ask(client, touchFrom('10.0.0.9'));
		assert.deepEqual([early.method, early.rejected], ['rule-based', 'model-loading']);
		await analyser.says('is ready');
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).method, 'ai');
		assert.deepEqual([model.counts.loads, model.counts.loads_aborted], [1, 0]);
		await leave();
	});

	test('a server that keeps failing is left alone, and the rules answer at once', async () => {
		await start();
		await analyser.says('is ready');
		model.set({ fault: '500', on: 'chat' });
		for (let i = 0; i < 5; i++)
			assert.equal((await ask(client, touchFrom(`10.0.1.${i + 1}`))).rejected, 'status');
		const asked = model.counts.requests;
		for (let i = 5; i < 10; i++) {
			const answer = await ask(client, touchFrom(`10.0.1.${i + 1}`));
			assert.deepEqual([answer.rejected, answer.threat_score], ['breaker-open', 9]);
			assert.ok(answer.latency_ms < 50);
		}
		assert.equal(model.counts.requests, asked);
		await leave();
	});

	test('a server that restarts on a kept connection is asked again', async () => {
		await start();
		await analyser.says('is ready');
		model.server.closeIdleConnections();
		model.server.closeAllConnections();
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).method, 'ai');
		await leave();
	});

	test('a caller that hangs up is forgotten', async () => {
		await start();
		await analyser.says('is ready');
		model.set({ delay: 400 });
		const leaver = connect();
		const calls = Array.from({ length: 20 }, (_, i) => ask(leaver, touchFrom(`10.3.0.${i + 1}`)).catch(() => null));
		await sleep(100);
		leaver.close();
		await Promise.race([Promise.all(calls), sleep(500)]);
		assert.equal((await ask(client, touchFrom('10.3.1.1'))).threat_score, 9);
		await leave();
	});

	test('garbage, silence and half a request at the door end nothing', async () => {
		await start();
		const strangers = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(5000, 0xff), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(0)].map((bytes) => {
			const stranger = net.connect(path.join(dir, 'analyser.sock'));
			stranger.on('error', () => {});
			stranger.write(bytes);
			return stranger;
		});
		/* More connections than there are places: the idle ones give way. */
		const idle = Array.from({ length: 80 }, () => net.connect(path.join(dir, 'analyser.sock')).on('error', () => {}));
		await sleep(200);
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).threat_score, 9);
		for (const stranger of [...strangers, ...idle])
			stranger.destroy();
		await leave();
	});

	test('ten thousand events in a burst stay within bounds', async () => {
		await start();
		await analyser.says('is ready');
		const rss = () => Number(/VmRSS:\s+(\d+)/.exec(spawnSync('cat', [`/proc/${analyser.child.pid}/status`]).stdout.toString())[1]);
		const before = rss();
		for (let round = 0; round < 20; round++)
			await Promise.all(Array.from({ length: 500 }, (_, i) => ask(client, touchFrom(`10.${round}.${i >> 8}.${i & 255}`, { port: i }))
				.then((answer) => assert.equal(answer.threat_score, 9))));
		const metrics = await analyser.metrics();
		assert.equal(metrics.events, 10000);
		assert.equal(metrics.by_model + metrics.by_rules, 10000);
		/* A sanitizer keeps what is freed. */
		if (!binary.includes('/asan/'))
			assert.ok(rss() - before < 4096, `${before} KiB became ${rss()} KiB`);
		await leave();
	});

	test('a second one at the same door is told so', async () => {
		await start();
		const second = spawnSync(binary, settings({}), { env, timeout: 5000 });
		assert.equal(second.status, 1);
		assert.match(second.stderr.toString(), /the door .*analyser\.sock: Address already in use/);
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).threat_score, 9);
		await leave();
		/* What a killed one left behind is in nobody's way. */
		await start();
		analyser.child.kill('SIGKILL');
		await analyser.ended;
		await start();
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).threat_score, 9);
		await leave();
	});

	test('TCP when a port is configured, on loopback alone', async () => {
		const port = await new Promise((resolve) => {
			const probe = net.createServer().listen(0, '127.0.0.1', () => { const { port: free } = probe.address(); probe.close(() => resolve(free)); });
		});
		analyser = await Analyser.start({ sidecar_port: port });
		client = connect(`localhost:${port}`);
		assert.equal((await ask(client, touchFrom('10.0.0.9'))).threat_score, 9);
		const listening = spawnSync('cat', ['/proc/net/tcp']).stdout.toString().split('\n').filter((line) => line.includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`));
		assert.equal(listening.length, 1);
		assert.match(listening[0], / 0100007F:/);
		await leave();
	});

	test('who may call is for the kernel to say', { skip: process.getuid() !== 0 }, async () => {
		const stranger = `const s = require('net').connect(process.argv[1]); s.on('error', () => {}); s.on('close', () => process.exit(3)); s.on('data', () => process.exit(0)); s.write('PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00'); setTimeout(() => process.exit(4), 3000)`;
		const visit = (uid) => spawnSync(process.execPath, ['-e', stranger, path.join(dir, 'analyser.sock')], { uid, timeout: 8000 }).status;
		await start({ sidecar_uids: '4100-4101' });
		/* The mode would keep them out already: open it, so that the second lock is tried. */
		chmodSync(dir, 0o755);
		chmodSync(path.join(dir, 'analyser.sock'), 0o666);
		assert.deepEqual([visit(0), visit(4100), visit(4101), visit(4099), visit(4102)], [0, 0, 0, 3, 3]);
		await leave();
	});
});
