// image.mjs TARGET DIRECTORY OUT: the stages of packaging/docker/Dockerfile that
// make TARGET, in a chroot and not by Docker.  The base is Debian's required
// packages from this machine's own files; each RUN is run, but for apt-get,
// whose packages lie there already; each COPY copies, from OUT what the build
// stage made.  Root, in a mount namespace of its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, lstatSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chain, load, packages } from './dockerfile.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const [target, directory, out] = process.argv.slice(2);
const tree = join(here, '../..');
const stages = chain(load(join(tree, 'packaging/docker/Dockerfile')), target);
const wanted = stages.flatMap((s) => packages(s).installed);
const run = (...command) => execFileSync(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });

run(join(here, 'rootfs.sh'), directory, ...wanted);
const stub = join(directory, 'usr/local/sbin/apt-get');
mkdirSync(join(directory, 'usr/local/sbin'), { recursive: true });
writeFileSync(stub, '#!/bin/sh\n');
chmodSync(stub, 0o755);
run('mount', '--rbind', '/dev', join(directory, 'dev'));

function copy(rest) {
	const words = rest.split(' ');
	const flags = Object.fromEntries(words.filter((w) => w.startsWith('--')).map((w) => w.slice(2).split('=')));
	const [from, to] = words.filter((w) => !w.startsWith('--'));
	const source = flags.from ? join(out, from.replace(/^\/out/, '')) : join(tree, from);
	const whole = statSync(source).isDirectory();
	const path = join(directory, to.endsWith('/') && !whole ? to + basename(from) : to);
	mkdirSync(join(path, '..'), { recursive: true });
	cpSync(source, path, { recursive: true });
	run('chown', '-R', flags.chown ?? 'root:root', path);
	if (flags.chmod) chmodSync(path, parseInt(flags.chmod, 8));
	lstatSync(path);
}

for (const { op, rest } of stages.flatMap((s) => s.steps)) {
	if (op === 'RUN')
		run('chroot', directory, '/usr/bin/env', '-i',
			'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', '/bin/sh', '-ec', rest);
	else if (op === 'COPY') copy(rest);
}
run('umount', '-l', join(directory, 'dev'));
rmSync(stub);
