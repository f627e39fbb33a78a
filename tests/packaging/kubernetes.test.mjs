// The manifests fit the published schema of Kubernetes, field by field, and ask
// for no more than docs/containers.md says.  Rendered overlays too, where there is
// a kubectl to render them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { load, settings } from './dockerfile.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const require = createRequire(import.meta.url);
const folder = join(here, '../../packaging/kubernetes');
const stages = load(join(here, '../../packaging/docker/Dockerfile'));
const read = (text) => parseAllDocuments(text, { merge: true }).map((d) => {
	assert.deepEqual(d.errors, []);
	return d.toJS();
});
const base = readdirSync(join(folder, 'base')).filter((f) => f !== 'kustomization.yaml')
	.flatMap((f) => read(readFileSync(join(folder, 'base', f), 'utf8')));
const of = (kind, name) => base.find((o) => o.kind === kind && (!name || o.metadata.name === name));

// A deep copy, functions too: they stand for what fits nowhere.
function copyOf(value) {
	if (Array.isArray(value)) return value.map(copyOf);
	if (value === null || typeof value !== 'object') return value;
	return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copyOf(v)]));
}

// Null when it fits, else what the schema says.
function complaint(object) {
	let model;
	try {
		model = require(`kubernetes-models/${object.apiVersion}`)[object.kind];
	} catch (error) {
		if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
		return `no such API: ${object.apiVersion}`;
	}
	if (!model) return `no ${object.kind} in ${object.apiVersion}`;
	try {
		new model(copyOf(object)).validate();
		return null;
	} catch (error) {
		return error.message;
	}
}

// The schema lets unknown fields pass: so break each value, which a field that
// it knows does not survive.
function unknown(object) {
	const found = [];
	const walk = (value, path, replace) => {
		if (path.length > 0 && complaint(replace(() => 0)) === null) {
			found.push(path.join('.'));
			return;
		}
		if (value === null || typeof value !== 'object') return;
		for (const key of Object.keys(value))
			walk(value[key], [...path, key], (bad) => {
				const copy = copyOf(object), holder = path.reduce((at, step) => at[step], copy);
				holder[key] = bad;
				return copy;
			});
	};
	walk(object, [], () => object);
	return found;
}
function check(objects) {
	for (const object of objects) {
		const name = `${object.kind} ${object.metadata.name}`;
		assert.equal(complaint(object), null, name);
		assert.deepEqual(unknown(object), [], `${name}: fields that Kubernetes does not know`);
	}
}

test('every manifest fits the schema', () => {
	assert.deepEqual(base.map((o) => o.kind).sort(), ['ConfigMap', 'ConfigMap', 'DaemonSet', 'Namespace', 'NetworkPolicy',
		'NetworkPolicy', 'PodDisruptionBudget', 'Secret', 'Service', 'StatefulSet']);
	check(base);
});

test('the check refuses what is wrong', () => {
	const wrong = [
		(d) => (d.spec.template.spec.hostNetwork = 'yes'),
		(d) => (d.spec.template.spec.hostNetwrk = true),
		(d) => (d.spec.template.spec.containers[0].securityContext.capabilites = { drop: ['ALL'] }),
		(d) => (d.spec.template.spec.containers[0].livenessProbe.exec.cmd = ['x']),
		(d) => (d.spec.template.spec.volumes[0].hostPath.kind = 'Directory'),
		(d) => delete d.spec.selector,
		(d) => (d.apiVersion = 'apps/v9'),
		(d) => (d.spec.updateStrategy.type = 7),
	];
	for (const change of wrong) {
		const copy = copyOf(of('DaemonSet'));
		change(copy);
		assert.throws(() => check([copy]), undefined, String(change));
	}
});

const pods = () => ['DaemonSet', 'StatefulSet'].map((kind) => of(kind).spec.template.spec);
const containers = () => pods().flatMap((p) => [...p.containers, ...(p.initContainers ?? [])]);

test('no container has more rights than it takes', () => {
	for (const pod of pods()) {
		assert.equal(pod.automountServiceAccountToken, false);
		assert.equal(pod.securityContext.runAsNonRoot, true);
		assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
		for (const key of ['hostPID', 'hostIPC', 'shareProcessNamespace']) assert.ok(!pod[key], key);
	}
	const added = { node: ['NET_ADMIN'], folder: ['CHOWN'] };
	for (const { name, securityContext: s } of containers()) {
		assert.deepEqual(s.capabilities.drop, ['ALL'], name);
		assert.deepEqual(s.capabilities.add ?? [], added[name] ?? [], name);
		assert.equal(s.readOnlyRootFilesystem, true, name);
		assert.equal(s.allowPrivilegeEscalation, name === 'node', name);
		assert.ok(!('privileged' in s), name);
		assert.equal(s.runAsUser ?? 8790, name === 'folder' ? 0 : 8790, name);
	}
	assert.equal(`${of('DaemonSet').spec.template.spec.securityContext.runAsUser}:8790`, settings(stages, 'node').user);
});

test('every container has limits, every one that stays a probe', () => {
	for (const { name, resources } of containers()) assert.ok(resources.limits.memory && resources.requests.cpu, name);
	for (const pod of pods()) for (const { name, readinessProbe } of pod.containers) assert.ok(readinessProbe, name);
	const node = of('DaemonSet').spec.template.spec.containers.find((c) => c.name === 'node');
	assert.notDeepEqual(node.livenessProbe.exec, node.readinessProbe.exec, 'a host that was cut off would be killed for it');
});

test('no key of a member is in the cluster, and what is mounted is there', () => {
	const secrets = base.filter((o) => o.kind === 'Secret');
	assert.deepEqual(secrets.map((s) => [s.metadata.name, s.stringData]), [['phalanx-model', { token: '' }]]);
	assert.doesNotMatch(JSON.stringify(base), /PRIVATE KEY|identity\.key|peer\.key/);
	for (const pod of pods()) {
		const claims = (of('StatefulSet').spec.volumeClaimTemplates ?? []).map((c) => c.metadata.name);
		const volumes = [...pod.volumes.map((v) => v.name), ...claims];
		for (const c of [...pod.containers, ...(pod.initContainers ?? [])])
			for (const mount of c.volumeMounts) assert.ok(volumes.includes(mount.name), `${c.name}: ${mount.name}`);
		for (const volume of pod.volumes) {
			const named = volume.configMap?.name ?? volume.secret?.secretName;
			if (named) assert.ok(base.some((o) => o.metadata.name === named), named);
		}
	}
});

test('selectors meet labels', () => {
	for (const kind of ['DaemonSet', 'StatefulSet']) {
		const { selector, template } = of(kind).spec;
		assert.deepEqual(selector.matchLabels, template.metadata.labels);
	}
	const labels = of('StatefulSet').spec.template.metadata.labels;
	assert.deepEqual(of('Service').spec.selector, labels);
	assert.deepEqual(of('PodDisruptionBudget').spec.selector.matchLabels, labels);
	assert.deepEqual(of('NetworkPolicy', 'coordinator').spec.podSelector.matchLabels, labels);
});

test('kustomize lists every file', () => {
	const [kustomization] = read(readFileSync(join(folder, 'base/kustomization.yaml'), 'utf8'));
	assert.deepEqual([...kustomization.resources, 'kustomization.yaml'].sort(), readdirSync(join(folder, 'base')).sort());
});

const kubectl = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' }).status === 0;
test('the overlay renders to the same objects', { skip: !kubectl && 'no kubectl here' }, () => {
	const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', join(folder, 'overlays/example')], { encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	const rendered = read(stdout);
	check(rendered);
	assert.equal(rendered.length, base.length);
	for (const object of rendered.filter((o) => o.kind !== 'Namespace')) assert.equal(object.metadata.namespace, 'phalanx');
	for (const [, image] of stdout.matchAll(/image: (\S+)/g)) assert.match(image, /^registry\.example\.org\/phalanx\/[a-z]+:0\.1\.0$/);
});
