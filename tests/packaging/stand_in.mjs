// Stands in for `docker compose` where no Docker runs: services of compose.yaml
// as processes in namespaces of their own, each with the root, user, capabilities,
// mounts, networks and environment that the two files name.  No cgroups, no
// seccomp profile of a container's runtime.  For tests/packaging/compose.sh, as
// root in its namespaces; $STAND_IN is its directory, $STAND_IN_BUILD what the
// build stage made, $STAND_IN_RELAY a program that carries a published port.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load, settings } from './dockerfile.mjs';
import { compose } from './compose_file.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const base = process.env.STAND_IN;
const tree = join(here, '../..');
const stages = load(join(tree, 'packaging/docker/Dockerfile'));
const file = compose();
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const run = (...c) => execFileSync(c[0], c.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
const quote = (word) => `'${String(word).replaceAll("'", "'\\''")}'`;
const die = (text) => {
	console.error(`stand-in: ${text}`);
	process.exit(1);
};
const targetOf = (name) => file.services[name].image.replace('phalanx/', '');
const imageOf = (name) => join(base, 'images', targetOf(name));
const place = (name, what) => join(base, 'containers', name, what);

function enabled(name) {
	const profiles = file.services[name].profiles;
	return !profiles || profiles.some((p) => (process.env.COMPOSE_PROFILES ?? '').split(',').includes(p));
}

// ---- networks -------------------------------------------------------------------------------------

function bridge(network) {
	const name = `br-${network}`;
	if (existsSync(`/sys/class/net/${name}`)) return name;
	run('ip', 'link', 'add', name, 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
	run('ip', 'link', 'set', name, 'up');
	for (const { subnet } of file.networks[network].ipam.config)
		run('ip', 'address', 'add', subnet.replace(/0\/24$/, '1/24').replace(/::\/64$/, '::1/64'), 'dev', name,
			...(subnet.includes(':') ? ['nodad'] : []));
	return name;
}

let links = 0;
function network(name, service) {
	if (existsSync(`/run/netns/${name}`)) return;
	run('ip', 'netns', 'add', name);
	run('ip', '-n', name, 'link', 'set', 'lo', 'up');
	if (service.network_mode === 'none') return;
	const wanted = Array.isArray(service.networks)
		? Object.fromEntries(service.networks.map((n) => [n, {}])) : service.networks;
	for (const [net, how] of Object.entries(wanted)) {
		const outside = `v${process.pid}x${links++}`, inside = `eth${net === 'mesh' ? 0 : 1}`;
		run('ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', name);
		run('ip', 'link', 'set', outside, 'master', bridge(net), 'up');
		if (how.ipv4_address) run('ip', '-n', name, 'address', 'add', `${how.ipv4_address}/24`, 'dev', inside);
		if (how.ipv6_address) run('ip', '-n', name, 'address', 'add', `${how.ipv6_address}/64`, 'dev', inside, 'nodad');
		run('ip', '-n', name, 'link', 'set', inside, 'up');
	}
}

// ---- containers -----------------------------------------------------------------------------------

// As Docker does: a new volume begins as the image has that folder.
function volume(name, image, path) {
	const directory = join(base, 'volumes', name);
	if (!existsSync(directory)) {
		mkdirSync(join(directory, '..'), { recursive: true });
		run('cp', '-a', join(image, path), directory);
	}
	return directory;
}

function words(name, own, command) {
	const service = file.services[name], image = settings(stages, targetOf(name));
	const [uid, gid] = image.user.split(':');
	const capabilities = (service.cap_add ?? []).map((c) => `,+${c.toLowerCase()}`).join('');
	if (service.cap_drop?.join() !== 'ALL') die(`${name}: cap_drop is not ALL`);
	const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...image.env, ...service.environment };
	return ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', `--bounding-set=-all${capabilities}`,
		'--inh-caps=-all', ...(service.security_opt?.includes('no-new-privileges:true') ? ['--no-new-privs'] : []),
		'/usr/bin/env', '-i', ...Object.entries(environment).map(([k, v]) => `${k}=${v}`),
		...(own ? service.entrypoint ?? image.entrypoint : []), ...command];
}

function script(name, command) {
	const service = file.services[name], image = imageOf(name), root = quote(place(name, 'root'));
	const lines = ['set -e', 'mount --make-rprivate /', `mkdir -p ${root}`, `mount --bind ${quote(image)} ${root}`];
	if (service.read_only) lines.push(`mount -o remount,bind,ro ${root}`);
	for (const text of service.volumes ?? []) {
		const [source, path, mode] = text.split(':');
		lines.push(`mount --bind ${quote(volume(source, image, path))} ${root}${path}`);
		if (mode === 'ro') lines.push(`mount -o remount,bind,ro ${root}${path}`);
	}
	lines.push(`mount -t proc proc ${root}/proc`, `mount -t tmpfs -o mode=755 dev ${root}/dev`);
	for (const device of ['null', 'zero', 'random', 'urandom'])
		lines.push(`touch ${root}/dev/${device}`, `mount --bind /dev/${device} ${root}/dev/${device}`);
	lines.push(`ln -s /proc/self/fd ${root}/dev/fd`, `mount -o remount,ro ${root}/dev`);
	lines.push(`exec chroot ${root} ${words(name, true, command).map(quote).join(' ')}`);
	return lines.join('\n');
}

const wrapped = (name, command) => ['nsenter', `--net=/run/netns/${name}`, 'unshare', '--mount', '--pid', '--fork',
	'--kill-child', 'bash', '-c', script(name, command)];

function start(name) {
	mkdirSync(place(name, '.'), { recursive: true });
	network(name, file.services[name]);
	const log = openSync(place(name, 'log'), 'a');
	const [program, ...rest] = wrapped(name, []);
	const child = spawn(program, rest, { stdio: ['ignore', log, log], detached: true });
	writeFileSync(place(name, 'pid'), String(child.pid));
	child.unref();
}

// The container's first process, as seen from here.
function inside(name) {
	if (!existsSync(place(name, 'pid'))) return null;
	const pid = readFileSync(place(name, 'pid'), 'utf8');
	try {
		return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] || null;
	} catch {
		return null;
	}
}

function stop(name) {
	const pid = inside(name);
	if (pid) {
		process.kill(Number(pid), 'SIGTERM');
		const until = Date.now() + parseInt(file.services[name].stop_grace_period, 10) * 1000;
		while (inside(name) && Date.now() < until) sleep(20);
		if (inside(name)) {
			process.kill(Number(pid), 'SIGKILL');
			die(`${name} did not stop within ${file.services[name].stop_grace_period}`);
		}
	}
	rmSync(place(name, '.'), { recursive: true, force: true });
	if (existsSync(`/run/netns/${name}`)) run('ip', 'netns', 'delete', name);
}

function execute(name, command, stdio = ['ignore', 'inherit', 'inherit']) {
	const pid = inside(name) ?? die(`service "${name}" is not running`);
	return spawnSync('nsenter', ['--target', pid, '--net', '--mount', '--pid', '--root', '--wd',
		...words(name, false, command)], { stdio, timeout: 60000 }).status ?? 1;
}

function once(name, command) {
	network(name, file.services[name]);
	mkdirSync(place(name, '.'), { recursive: true });
	const [program, ...rest] = wrapped(name, command);
	const { status } = spawnSync(program, rest, { stdio: ['ignore', 'inherit', 'inherit'] });
	rmSync(place(name, '.'), { recursive: true, force: true });
	run('ip', 'netns', 'delete', name);
	return status ?? 1;
}

const healthy = (name) => execute(name, settings(stages, targetOf(name)).health, 'ignore') === 0;

// A port of this machine leads to a container's.
function publish(address, outer, inner) {
	const answers = () => spawnSync('bash', ['-c', `exec 3<>/dev/tcp/${address}/${outer}`], { stdio: 'ignore' }).status === 0;
	for (let tries = 0; tries < 20; tries++) {
		const relay = spawn(process.env.STAND_IN_RELAY, [`${address}:${outer}`, inner], { stdio: 'ignore', detached: true });
		writeFileSync(join(base, 'relay'), String(relay.pid));
		relay.unref();
		for (let waits = 0; waits < 5; waits++) {
			if (answers()) return;
			sleep(100);
		}
		try {
			process.kill(-relay.pid, 'SIGKILL');
		} catch {} // it has ended by itself
	}
	die(`port ${outer} of ${address} cannot be had`);
}

// ---- the verbs of `docker compose` that packaging/docker/lab uses ------------------------------------

const verbs = {
	up() {
		const names = Object.keys(file.services).filter(enabled);
		for (const target of new Set(names.map(targetOf)))
			if (!existsSync(join(base, 'images', target))) {
				mkdirSync(join(base, 'images'), { recursive: true });
				run('unshare', '--mount', 'node', join(here, 'image.mjs'), target,
					join(base, 'images', target), process.env.STAND_IN_BUILD);
			}
		for (const name of names.filter((n) => file.services[n].restart === 'no'))
			if (once(name, []) !== 0) die(`${name} failed`);
		for (const name of names.filter((n) => file.services[n].restart !== 'no')) if (!inside(name)) start(name);
		for (const name of names)
			for (const port of file.services[name].ports ?? []) {
				const [address, outer, inner] = port.split(':');
				publish(address, outer, `${file.services[name].networks.mesh.ipv4_address}:${inner}`);
			}
	},
	down(options) {
		for (const name of Object.keys(file.services)) stop(name);
		if (existsSync(join(base, 'relay'))) {
			// Its children too: each holds the port as long as it lives.
			try {
				process.kill(-Number(readFileSync(join(base, 'relay'), 'utf8')), 'SIGKILL');
			} catch {} // it has ended by itself
			rmSync(join(base, 'relay'));
		}
		if (options.includes('--volumes')) rmSync(join(base, 'volumes'), { recursive: true, force: true });
	},
	exec([flag, name, ...command]) {
		if (flag !== '-T') die('exec without -T');
		process.exitCode = execute(name, command);
	},
	run(rest) {
		const flags = ['--rm', '-T', '--no-deps'];
		if (flags.some((flag, i) => rest[i] !== flag)) die(`run without ${flags}`);
		process.exitCode = once(rest[3], rest.slice(4));
	},
	ps() {
		for (const name of Object.keys(file.services).filter((n) => existsSync(place(n, 'pid'))))
			console.log(`${name} ${inside(name) ? 'running' : 'exited'} ${inside(name) && healthy(name) ? 'healthy' : 'unhealthy'}`);
	},
	logs(rest) {
		for (const name of rest.filter((word) => word in file.services))
			if (existsSync(place(name, 'log'))) process.stdout.write(readFileSync(place(name, 'log')));
	},
};

if (process.argv[2] !== 'compose') die('docker compose alone is known here');
const [verb, ...rest] = process.argv.slice(3);
(verbs[verb] ?? die(`no verb ${verb}`))(rest);
