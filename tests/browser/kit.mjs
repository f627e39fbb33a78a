// kit: what the browser's tests share: a lab, a proxy that misbehaves on
// command, a page that notes whatever it should not do.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

export const bin = path.resolve(process.argv[2]);
export const tree = path.resolve(import.meta.dirname, '../..');
export const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
const run = promisify(execFile);

export async function launch() {
	const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
	if (!existsSync(executablePath)) {
		console.log(`SKIPPED: no browser at ${executablePath}; install the package chromium`);
		process.exit(77);
	}
	return chromium.launch({ executablePath, args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc'] });
}

// Until it is true; what it last was, in the error.
export async function until(check, what, patience_ms = 8000) {
	const end = Date.now() + patience_ms;
	let last;
	for (;;) {
		last = await check();
		if (last === true) return;
		if (Date.now() > end) throw new Error(`${what}: not within ${patience_ms} ms; last: ${JSON.stringify(last)}`);
		await wait(25);
	}
}

// ---- the lab of make up ----------------------------------------------------------------

export class Lab {
	constructor(name, environment = {}) {
		this.env = { ...process.env, PHALANX_BIN: bin, PHALANX_LAB: path.join(tree, 'build/labs', name), PORT: '0', ...environment };
		mkdirSync(path.dirname(this.env.PHALANX_LAB), { recursive: true });
	}

	async run(script, ...args) {
		const { stdout } = await run(path.join(tree, 'lab', script), args, { env: this.env, maxBuffer: 1 << 24 });
		return stdout;
	}

	async up() {
		await this.run('down');
		await this.run('up');
		this.port = Number(readFileSync(path.join(this.env.PHALANX_LAB, 'port'), 'utf8'));
		this.authority = `127.0.0.1:${this.port}`;
		return this;
	}

	get(target) {
		return fetch(`http://${this.authority}${target}`).then((answer) => answer.json());
	}
}

// ---- a proxy ------------------------------------------------------------------------------

// Passes everything on, byte for byte, but for what `trouble` says:
// { [path]: { status, error } | { silent: true } | { rewrite(text) } }
export class Proxy {
	constructor(authority) {
		Object.assign(this, { target: authority, trouble: {}, asked: [], bytes: 0, headerBytes: 0, streams: new Set() });
		this.server = http.createServer((request, response) => this.pass(request, response));
	}

	async listen() {
		await new Promise((done) => { this.server.listen(0, '127.0.0.1', done); });
		this.authority = `127.0.0.1:${this.server.address().port}`;
		return this;
	}

	pass(request, response) {
		const target = request.url.split('?')[0], trouble = this.trouble[target] ?? {};
		this.asked.push({ path: target, url: request.url, t: Date.now() });
		if (trouble.status) {
			response.writeHead(trouble.status, { 'content-type': 'application/json' });
			response.end(JSON.stringify({ error: trouble.error }));
			return;
		}
		const headers = { ...request.headers };
		if (trouble.rewrite) delete headers['accept-encoding'];
		const [host, port] = this.target.split(':');
		const onward = http.request({ host, port, method: request.method, path: request.url, headers }, (answer) => this.answer(answer, response, target, trouble));
		onward.on('error', () => response.destroy());
		request.pipe(onward);
		response.on('close', () => onward.destroy());
	}

	answer(answer, response, target, trouble) {
		const headers = { ...answer.headers };
		this.headerBytes += answer.rawHeaders.join('').length + 4 * answer.rawHeaders.length / 2;
		if (target === '/api/v1/events' && answer.statusCode === 200) {
			this.streams.add(response);
			response.on('close', () => this.streams.delete(response));
		}
		if (trouble.rewrite) {
			const parts = [];
			answer.on('data', (part) => parts.push(part));
			answer.on('end', () => {
				const text = trouble.rewrite(Buffer.concat(parts).toString());
				headers['content-length'] = String(Buffer.byteLength(text));
				response.writeHead(answer.statusCode, headers);
				response.end(text);
			});
			return;
		}
		response.writeHead(answer.statusCode, headers);
		response.flushHeaders();
		answer.on('error', () => response.destroy());
		answer.on('data', (part) => {
			this.bytes += part.length;
			if (!this.trouble[target]?.silent) response.write(part);
		});
		answer.on('end', () => response.end());
		answer.on('aborted', () => response.destroy());
	}

	drop() {
		for (const stream of this.streams) stream.destroy();
	}

	close() {
		this.server.closeAllConnections();
		this.server.close();
	}
}

// ---- a page -----------------------------------------------------------------------------------

// What a browser says when it was kept waiting: the state came long before the script could run.
const BUSY = /was preloaded using link preload but not used/;

// quiet: what may be said on the console all the same.
const contexts = new Set();

// What a failed test left open.
export async function closeAll() {
	for (const context of contexts) await context.close();
	contexts.clear();
}

export async function open(browser, authority, { hash = '', quiet = /^$/, context: given, ...options } = {}) {
	const context = given ?? await browser.newContext({ viewport: { width: 1680, height: 1000 }, colorScheme: 'dark', ...options });
	contexts.add(context);
	const page = await context.newPage();
	const faults = [];
	page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !quiet.test(message.text()) && !BUSY.test(message.text())) faults.push(message.text()); });
	page.on('pageerror', (error) => faults.push(String(error)));
	page.on('request', (request) => { if (!request.url().startsWith('blob:') && new URL(request.url()).host !== authority) faults.push(`asked ${request.url()}`); });
	await page.addInitScript(() => {
		window.violations = [];
		window.frames_ = 0;
		document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.sample}`));
		const ask = window.requestAnimationFrame.bind(window);
		window.requestAnimationFrame = (paint) => {
			window.frames_++;
			return ask(paint);
		};
	});
	await page.goto(`http://${authority}/${hash}`);
	await page.waitForSelector('#counts li');
	return { page, context, faults, close: () => context.close() };
}

// The state that the page shows of each node, from its own model.
export const states = (page) => page.evaluate(async () => {
	const { model, stateOf } = await import('/app.js');
	return Object.fromEntries(model.order.map((i) => [model.name[i], stateOf(i)]));
});

export const places = (page) => page.evaluate(async () => {
	const { model, picture: { place } } = await import('/app.js');
	return Object.fromEntries(model.order.map((i) => [model.name[i], [Math.round(place(i).x * 10), Math.round(place(i).y * 10)]]));
});

export const text = (page, selector) => page.textContent(selector);
