// packaging/docker/Dockerfile: what its images are built of is what the programs
// load, and it keeps the rules of its kind.  dockerfile.test.mjs ROOT: what
// packaging/stage made, in $PHALANX_STAGED.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { chain, packages, parse, settings } from './dockerfile.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const path = join(here, '../../packaging/docker/Dockerfile');
const text = readFileSync(path, 'utf8');
const stages = parse(text);
const staged = process.env.PHALANX_STAGED;
const targets = ['coordinator', 'node', 'analyser', 'operator'];

// Complaints about a file, one a line.
function lint(source) {
	const found = [];
	let all;
	try {
		all = parse(source);
	} catch (error) {
		return [error.message];
	}
	for (const stage of all) {
		const say = (what) => found.push(`${stage.name}: ${what}`);
		if (!all.some((s) => s.name === stage.from) && !/(:\d[\w.-]*|@sha256:[0-9a-f]{64})$/.test(stage.from ?? ''))
			say('base without a release or digest');
		for (const { op, rest } of stage.steps) {
			if (op === 'RUN' && /apt-get install/.test(rest)) {
				if (!/apt-get install -y --no-install-recommends/.test(rest)) say('install without -y --no-install-recommends');
				if (!/^apt-get update && /.test(rest)) say('install without update in the same layer');
			}
			if (op === 'RUN' && /apt-get update/.test(rest) && !/rm -rf \/var\/lib\/apt\/lists\/\*/.test(rest)) say('package lists stay');
			if (op === 'RUN' && /\b(curl|wget|sudo|apt |chmod [0-7]*777)\b/.test(rest)) say('fetches or escalates');
			if ((op === 'ENTRYPOINT' || op === 'HEALTHCHECK') && rest !== 'NONE' && !/(^|CMD )\[".*"\]$/.test(rest)) say(`${op} not in exec form`);
			if (op === 'COPY' && stage.name !== 'build' && !/--chown=root:root/.test(rest)) say('COPY without an owner');
			if ((op === 'ENV' || op === 'ARG') && /pass|secret|token|key/i.test(rest)) say('a secret in the image');
			if (op === 'USER' && !/^[1-9]\d*:[1-9]\d*$/.test(rest)) say('USER not a number other than root');
		}
		const own = stage.steps.map((s) => s.op);
		if (own.includes('ENTRYPOINT')) {
			if (!own.includes('USER') || own.lastIndexOf('RUN') > own.lastIndexOf('USER')) say('runs as root');
			if (!own.includes('HEALTHCHECK')) say('no HEALTHCHECK');
		}
	}
	return found;
}

test('it keeps the rules', () => {
	assert.deepEqual(lint(text), []);
	for (const name of targets) assert.equal(settings(stages, name).user, '8790:8790');
});

test('the rules see a file that breaks them', () => {
	const broken = [
		[/debian:12-slim/, 'debian:latest', /base without/],
		[/debian:12-slim/, 'debian', /base without/],
		[/USER 8790:8790/g, 'USER root', /USER not/],
		[/USER 8790:8790/g, '', /runs as root/],
		[/ --no-install-recommends/g, '', /install without -y/],
		[/RUN apt-get update && apt-get/g, 'RUN apt-get', /without update/],
		[/ \\\n && rm -rf \/var\/lib\/apt\/lists\/\*/g, '', /lists stay/],
		[/ENTRYPOINT \["\/usr\/sbin\/phalanxd"\]/, 'ENTRYPOINT /usr/sbin/phalanxd', /exec form/],
		[/COPY --chown=root:root/, 'COPY', /without an owner/],
		[/COPY \. \./, 'ADD https://example.org/x .', /unknown instruction: ADD/],
		[/ENV SIDECAR_ADDR/, 'ENV API_TOKEN=x\nENV SIDECAR_ADDR', /a secret/],
		[/HEALTHCHECK NONE/, '', /no HEALTHCHECK/],
		[/RUN groupadd/, 'RUN curl x | sh; groupadd', /fetches/],
	];
	for (const [pattern, replacement, complaint] of broken) {
		const changed = text.replace(pattern, replacement);
		assert.notEqual(changed, text, String(pattern));
		assert.match(lint(changed).join('\n'), complaint, String(pattern));
	}
});

// What dpkg says that these programs load, less what every Debian has.
function loaded(programs) {
	const work = mkdtempSync(join(tmpdir(), 'phalanx-shlibs.'));
	try {
		mkdirSync(join(work, 'debian'));
		writeFileSync(join(work, 'debian/control'), 'Source: phalanx\n\nPackage: phalanx\nArchitecture: any\n');
		const said = execFileSync('dpkg-shlibdeps', ['-O', ...programs.map((p) => `-e${p}`)], { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
		const required = execFileSync('dpkg-query', ['-W', '-f', '${Priority} ${Package}\n'], { encoding: 'utf8' })
			.split('\n').filter((l) => l.startsWith('required ')).map((l) => l.slice(9));
		return said.trim().replace(/^shlibs:Depends=/, '').split(', ').map((p) => p.split(' ')[0])
			.filter((p) => p !== 'libc6' && !required.includes(p));
	} finally {
		rmSync(work, { recursive: true });
	}
}

function programs(stage) {
	return stage.steps.filter((s) => s.op === 'COPY' && s.rest.includes('--from=build')).flatMap(({ rest }) => {
		const source = join(staged, rest.split(' ').find((w) => w.startsWith('/out')).slice(4));
		return statSync(source).isDirectory() ? readdirSync(source).map((n) => join(source, n)) : [source];
	});
}

for (const name of targets)
	test(`the image ${name} has the packages that its programs load, and no other`, () => {
		const stage = chain(stages, name).at(-1);
		const wanted = loaded(programs(stage));
		// Opened by name when the table is loaded, so no list of the linker's has it.
		if (programs(stage).some((p) => p.endsWith('phalanx-enforcer'))) wanted.push('libnftables1');
		assert.deepEqual([...packages(stage).kept].sort(), [...new Set(wanted)].sort());
	});

test('scripts/setup --build brings every library that CMake asks for', () => {
	const tree = join(here, '../..');
	const [, modules] = /foreach\(part IN ITEMS ([^)]*)\)\s*string/.exec(readFileSync(join(tree, 'CMakeLists.txt'), 'utf8'));
	const [, build] = /to_build\(\) \{(.*?)\nTABLE/s.exec(readFileSync(join(tree, 'scripts/setup'), 'utf8'));
	for (const module of modules.trim().split(/\s+/)) assert.match(build, new RegExp(`^library ${module} \\|`, 'm'), module);
});
