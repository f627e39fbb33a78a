// roster: a mesh of thousands at once; `phalanx ca enrol` is a process a node.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Key, Node, bytes, number, sha256 } from './mesh.mjs';

const YEAR_MS = 365 * 86400e3, EVERYBODY_VOTES = 32;
const join = (...parts) => Buffer.concat(parts);

// A mesh as makeMesh() makes it; zone(name): its enrolment group.
export function makeRoster(bin, names, zone) {
	const dir = mkdtempSync(path.join(tmpdir(), 'phalanx-roster-')), ca = path.join(dir, 'ca'), now = Date.now();
	const printed = execFileSync(path.join(bin, 'phalanx'), ['ca', 'init', '--dir', ca, '--mesh', 'interop'], { encoding: 'utf8' });
	const caKey = createPrivateKey(readFileSync(path.join(ca, 'ca.key')));
	const mesh = { dir, ca, id: sha256('phalanx/mesh/1', Buffer.from(printed.match(/[0-9a-f]{64}/)[0], 'hex')).subarray(0, 16) };
	const record = (field, domain, body) => bytes(field, join(bytes(1, body), bytes(2, sign(null, join(Buffer.from(domain), body), caKey))));
	mesh.nodes = names.map((name) => {
		const key = new Key(), nonce = randomBytes(16);
		return Object.assign(new Node(mesh, name, key, sha256('phalanx/id/1', key.public, nonce).subarray(0, 16)), { nonce });
	});
	const enrolments = mesh.nodes.map((node, i) => record(1, 'phalanx/enrolment/1', join(bytes(1, mesh.id), bytes(2, Buffer.from('interop')), bytes(3, Buffer.from(node.name)), bytes(4, node.id),
		bytes(5, node.key.public), bytes(6, node.nonce), bytes(7, sha256(zone(node.name)).subarray(0, 16)), bytes(8, Buffer.from([10, 77 + (i >> 16), i >> 8 & 255, i & 255])), number(9, 9000),
		number(10, 1), number(11, now - 86400e3), number(12, now + YEAR_MS), number(13, 1))));
	const members = [...mesh.nodes].sort((a, b) => Buffer.compare(a.id, b.id)).map((node) => bytes(5, join(bytes(1, node.id), number(2, EVERYBODY_VOTES))));
	writeFileSync(path.join(ca, 'roster'), join(...enrolments, record(2, 'phalanx/epoch/1', join(bytes(1, mesh.id), number(2, 1), bytes(3, Buffer.alloc(32)), number(4, now), ...members))));
	mesh.remove = () => rmSync(dir, { recursive: true, force: true });
	return mesh;
}
