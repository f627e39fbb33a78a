// compose.yaml fits the published schema, and says what docs/containers.md promises.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { compose } from './compose_file.mjs';
import { load, settings } from './dockerfile.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const tree = join(here, '../..');
const schema = JSON.parse(readFileSync(join(here, 'node_modules/dclint/schemas/compose.schema.json')));
delete schema.$schema;
const valid = new Ajv({ strict: false, validateFormats: false }).compile(schema);
const file = compose({});
const stages = load(join(tree, 'packaging/docker/Dockerfile'));
const letters = [...'abcde'];
const ours = Object.entries(file.services).filter(([, s]) => s.image.startsWith('phalanx/'));

test('compose.yaml fits the Compose specification', () => {
	assert.ok(valid(file), JSON.stringify(valid.errors, null, 1));
});

test('the schema refuses what is wrong', () => {
	const wrong = [
		(f) => (f.services['node-a'].cap_ad = ['NET_ADMIN']),
		(f) => (f.services['node-a'].read_only = ['yes']),
		(f) => (f.services.coordinator.networks.mesh.ipv4 = '10.77.0.2'),
		(f) => (f.networks.mesh.ipam.config[0].net = '10.0.0.0/8'),
		(f) => (f.services['node-a'].depends_on.enrol.condition = 3),
		(f) => (f.sevices = {}),
	];
	for (const change of wrong) {
		const copy = structuredClone(file);
		change(copy);
		assert.equal(valid(copy), false, String(change));
	}
});

test('hosts have the addresses of the lab without Docker', () => {
	const expected = { coordinator: 2, intruder: 66, ...Object.fromEntries(letters.map((l, i) => [`node-${l}`, 11 + i])) };
	for (const [name, number] of Object.entries(expected))
		assert.deepEqual(file.services[name].networks,
			{ mesh: { ipv4_address: `10.77.0.${number}`, ipv6_address: `fd77::${number}` } }, name);
	assert.deepEqual(file.networks.mesh.ipam.config.map((c) => c.subnet), ['10.77.0.0/24', 'fd77::/64']);
	for (const letter of letters)
		assert.match(file.services.enrol.environment.MESH,
			new RegExp(`node-${letter}=${expected[`node-${letter}`] && `10\\.77\\.0\\.${expected[`node-${letter}`]}`},fd77::${expected[`node-${letter}`]}`));
});

test('five nodes, each with an analyser that shares its socket and no network with it', () => {
	for (const letter of letters) {
		const node = file.services[`node-${letter}`], analyser = file.services[`analyser-${letter}`];
		assert.ok(node.volumes.includes(`door-${letter}:/run/phalanx`));
		assert.deepEqual(analyser.volumes, [`door-${letter}:/run/phalanx`]);
		assert.deepEqual(analyser.networks, ['model']);
		assert.equal(node.environment.NODE_ID, `node-${letter}`);
		assert.equal(node.environment.PHALANX_ANALYSER_RUN, 'no');
		assert.equal(node.environment.SIDECAR_ADDR, settings(stages, 'analyser').env.SIDECAR_ADDR);
	}
});

test('nobody has more rights than it takes', () => {
	for (const [name, service] of ours) {
		const node = /^node-/.test(name);
		assert.deepEqual(service.cap_drop, ['ALL'], name);
		assert.deepEqual(service.cap_add ?? [], node ? ['NET_ADMIN'] : [], name);
		assert.equal(service.read_only, true, name);
		assert.deepEqual(service.security_opt, node ? [] : ['no-new-privileges:true'], name);
		for (const key of ['privileged', 'user', 'pid', 'ipc', 'devices', 'secrets', 'userns_mode'])
			assert.ok(!(key in service), `${name}: ${key}`);
		assert.notEqual(service.network_mode, 'host', name);
		for (const volume of service.volumes ?? []) assert.match(volume, /^[a-z-]+:\//, `${name} mounts a host's path`);
	}
});

test('each key is in the volume of who holds it, and of the job that makes it', () => {
	const users = (volume) => Object.entries(file.services)
		.filter(([, s]) => s.volumes?.some((v) => v.startsWith(`${volume}:`))).map(([name]) => name);
	assert.deepEqual(users('ca'), ['enrol']);
	assert.deepEqual(users('operator'), ['enrol', 'operator']);
	for (const letter of letters) {
		assert.deepEqual(users(`state-${letter}`), ['enrol', `node-${letter}`, 'operator']);
		assert.ok(file.services.operator.volumes.includes(`state-${letter}:/mesh/node-${letter}:ro`));
	}
});

test('one port on the host, on loopback; the model has none and no way out', () => {
	const published = Object.entries(file.services).filter(([, s]) => s.ports);
	assert.deepEqual(published.map(([name, s]) => [name, s.ports]), [['coordinator', ['127.0.0.1:8090:8090']]]);
	assert.deepEqual(Object.keys(file.services.ollama.networks), ['model']);
	assert.equal(file.networks.model.internal, true);
	for (const name of ['ollama', 'ollama-init']) {
		assert.deepEqual(file.services[name].profiles, ['ai']);
		assert.match(file.services[name].image, /:\d/);
	}
	assert.equal(file.services['ollama-init'].restart, 'no');
});

test('every image of ours is built from a stage that there is', () => {
	for (const [name, service] of ours) {
		const target = service.image.replace('phalanx/', '');
		assert.ok(stages.some((s) => s.name === target), name);
		if (service.build) assert.equal(service.build.target, target, name);
	}
});
