// A second verifier of proof bundles: another language, another Ed25519
// (OpenSSL's, by node:crypto), its own protobuf reader, and nothing of ours
// but docs/protocol.md.
//
//   node verify_bundle.mjs BUNDLE.json CA-KEY-HEX
//
// Prints what is proven, or why it is refused (exit status 1).

import { createHash, createPublicKey, verify as checkSignature } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

class Refused extends Error {}

function must(condition, reason) {
	if (!condition) throw new Refused(reason);
}

// ---- bytes

const equal = (a, b) => Buffer.compare(a, b) === 0;
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();

function decodeBase64(text, what) {
	must(typeof text === 'string', `${what} is missing`);
	const bytes = Buffer.from(text, 'base64');
	must(bytes.toString('base64') === text, `${what} is not base64`);
	return bytes;
}

function u32(value) {
	const out = Buffer.alloc(4);
	out.writeUInt32BE(value);
	return out;
}

function u64(value) {
	const out = Buffer.alloc(8);
	out.writeBigUInt64BE(value);
	return out;
}

// ---- Ed25519, keys as 32 raw bytes

const keys = new Map();

function keyOf(raw) {
	const name = raw.toString('hex');
	if (!keys.has(name)) {
		const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
		keys.set(name, createPublicKey({ key: der, format: 'der', type: 'spki' }));
	}
	return keys.get(name);
}

function isSigned(key, domain, data, signature) {
	if (key.length !== 32 || signature.length !== 64) return false;
	try {
		return checkSignature(null, Buffer.concat([Buffer.from(domain), data]), keyOf(key), signature);
	} catch {
		return false;
	}
}

// ---- protobuf, only in the one form that a canonical writer gives it

function readVarint(bytes, at) {
	let value = 0n;
	for (let shift = 0n; shift < 70n; shift += 7n) {
		must(at < bytes.length, 'protobuf: cut off');
		const byte = bytes[at++];
		value |= BigInt(byte & 0x7f) << shift;
		if (byte < 0x80) {
			must(shift === 0n || byte !== 0, 'protobuf: an over-long varint');
			must(value < 1n << 64n, 'protobuf: a varint of more than 64 bits');
			return [value, at];
		}
	}
	throw new Refused('protobuf: an over-long varint');
}

// schema: number -> [name, 'u32' | 'u64' | 'bytes' | 'text' | 'list' | 'one'].
// Fields ascend, defaults are left out, nothing is unknown.
function readMessage(bytes, schema) {
	const out = {};
	for (const [name, type] of Object.values(schema))
		out[name] = { u32: 0, u64: 0n, bytes: Buffer.alloc(0), text: '', list: [], one: null }[type];
	let at = 0;
	let before = 0;
	while (at < bytes.length) {
		let tag;
		let value;
		[tag, at] = readVarint(bytes, at);
		const field = schema[Number(tag >> 3n)];
		must(field !== undefined, 'protobuf: an unknown field');
		const [name, type] = field;
		const number = Number(tag >> 3n);
		must(number > before || (number === before && type === 'list'), 'protobuf: fields out of order');
		before = number;
		if (type === 'u32' || type === 'u64') {
			must((tag & 7n) === 0n, 'protobuf: a wrong wire type');
			[value, at] = readVarint(bytes, at);
			must(value !== 0n, 'protobuf: a default that is written');
			must(type === 'u64' || value < 1n << 32n, 'protobuf: out of range');
			out[name] = type === 'u64' ? value : Number(value);
			continue;
		}
		must((tag & 7n) === 2n, 'protobuf: a wrong wire type');
		let size;
		[size, at] = readVarint(bytes, at);
		must(size <= BigInt(bytes.length - at), 'protobuf: cut off');
		value = bytes.subarray(at, at + Number(size));
		at += Number(size);
		must(value.length > 0 || type === 'list' || type === 'one', 'protobuf: a default that is written');
		if (type === 'list') out[name].push(value);
		else out[name] = type === 'text' ? value.toString('utf8') : value;
	}
	return out;
}

const ENROLMENT = {
	1: ['mesh', 'bytes'], 2: ['meshName', 'text'], 3: ['name', 'text'], 4: ['id', 'bytes'],
	5: ['key', 'bytes'], 6: ['nonce', 'bytes'], 7: ['group', 'bytes'], 8: ['addresses', 'list'],
	9: ['port', 'u32'], 10: ['incarnation', 'u64'], 11: ['notBefore', 'u64'],
	12: ['notAfter', 'u64'], 13: ['role', 'u32'],
};
const EPOCH = {
	1: ['mesh', 'bytes'], 2: ['number', 'u64'], 3: ['previous', 'bytes'], 4: ['time', 'u64'],
	5: ['members', 'list'], 6: ['parameters', 'one'],
};
const MEMBER = { 1: ['id', 'bytes'], 2: ['weight', 'u32'] };
const CERTIFICATE = {
	1: ['level', 'u32'], 2: ['subject', 'bytes'], 3: ['round', 'u32'], 4: ['epoch', 'u64'],
	5: ['window', 'u64'], 6: ['voters', 'bytes'], 7: ['signatures', 'bytes'],
};

const HEADER = {
	1: ['version', 'u32'], 2: ['mesh', 'bytes'], 3: ['epoch', 'u64'], 4: ['author', 'bytes'],
	5: ['incarnation', 'u64'], 6: ['sequence', 'u64'], 7: ['time', 'u64'], 8: ['previous', 'bytes'],
};
const ENTRY = { 1: ['header', 'one'], 4: ['selfReport', 'one'] };
const SELF_REPORT = {
	1: ['kind', 'u32'], 2: ['round', 'u32'], 3: ['reason', 'u32'], 4: ['source', 'one'],
	5: ['digest', 'bytes'], 6: ['score', 'u32'],
};

// ---- the CA's records

function readRecord(record, domain, schema, caKey, what) {
	must(record !== null && typeof record === 'object', `${what} is missing`);
	const body = decodeBase64(record.body, `${what}'s body`);
	const signature = decodeBase64(record.signature, `${what}'s signature`);
	must(isSigned(caKey, domain, body, signature), `${what} is not signed by this CA`);
	return readMessage(body, schema);
}

function readEpoch(record, caKey, mesh) {
	const epoch = readRecord(record, 'phalanx/epoch/1', EPOCH, caKey, 'the epoch');
	must(equal(epoch.mesh, mesh), 'the epoch is of another mesh');
	epoch.members = epoch.members.map((bytes) => readMessage(bytes, MEMBER));
	epoch.members.forEach((member, i) => {
		must(member.id.length === 16, 'the epoch is malformed');
		must(i === 0 || Buffer.compare(epoch.members[i - 1].id, member.id) < 0,
			"the epoch's members are not in order");
	});
	return epoch;
}

function readEnrolments(list, caKey, mesh) {
	must(Array.isArray(list), 'the enrolments are missing');
	const byId = new Map();
	for (const record of list) {
		const e = readRecord(record, 'phalanx/enrolment/1', ENROLMENT, caKey, 'an enrolment');
		must(equal(e.mesh, mesh), 'an enrolment is of another mesh');
		must(e.key.length === 32 && e.nonce.length === 16, 'an enrolment is malformed');
		const id = sha256(Buffer.from('phalanx/id/1'), e.key, e.nonce).subarray(0, 16);
		must(equal(e.id, id), "an enrolment's id is not its key's");
		must(e.role === 1, "an enrolment is not a node's");
		byId.set(id.toString('hex'), e);
	}
	return byId;
}

// ---- the certificate

function ballotOf(certificate, mesh) {
	return Buffer.concat([Buffer.from([certificate.level]), mesh, u64(certificate.epoch),
		certificate.subject, u32(certificate.round), u64(certificate.window)]);
}

function isQuorum(heads, others, votes, othersWeight, weight) {
	if (votes < 2) return false;
	if (heads <= 4 && votes !== others) return false;
	return 2 * votes > others && 2n * weight > othersWeight;
}

function countVotes(certificate, epoch, enrolments, mesh) {
	const heads = epoch.members.filter((member) => member.weight > 0);
	const ballot = ballotOf(certificate, mesh);
	const { voters, signatures, subject } = certificate;
	let votes = 0;
	let weight = 0n;
	let others = 0;
	let othersWeight = 0n;

	must(epoch.members.some((m) => equal(m.id, subject)), 'the subject is no member of the epoch');
	must(voters.length === Math.ceil(heads.length / 8), "the voters' bitmap has the wrong length");
	for (let bit = 0; bit < 8 * voters.length; bit++) {
		const isSet = (voters[bit >> 3] >> (bit & 7)) & 1;
		must(!isSet || bit < heads.length, 'the bitmap names a voter that is not there');
		if (bit >= heads.length) continue;
		const isSubject = equal(heads[bit].id, subject);
		if (!isSubject) {
			others += 1;
			othersWeight += BigInt(heads[bit].weight);
		}
		if (!isSet) continue;
		must(!isSubject, 'the subject votes on itself');
		const voter = enrolments.get(heads[bit].id.toString('hex'));
		must(voter !== undefined, "a voter's enrolment is missing");
		const signature = signatures.subarray(64 * votes, 64 * votes + 64);
		must(isSigned(voter.key, 'phalanx/ballot/1', ballot, signature), "a ballot's signature is bad");
		votes += 1;
		weight += BigInt(heads[bit].weight);
	}
	must(signatures.length === 64 * votes, 'there are more signatures than voters');
	must(isQuorum(heads.length, others, votes, othersWeight, weight), 'there is no quorum');
	return { votes, heads: heads.length };
}

function provenCertificate(text, epoch, enrolments, mesh) {
	const certificate = readMessage(decodeBase64(text, 'the certificate'), CERTIFICATE);
	must(certificate.level === 1 || certificate.level === 2, 'the certificate is malformed');
	must(certificate.subject.length === 16, 'the certificate is malformed');
	must(certificate.epoch === epoch.number, 'the certificate is of another epoch');
	must(enrolments.has(certificate.subject.toString('hex')), "the subject's enrolment is missing");
	return { level: certificate.level === 1 ? 'quarantine' : 'release', id: certificate.subject,
		round: certificate.round, ...countVotes(certificate, epoch, enrolments, mesh) };
}

// ---- what a member said of itself

function provenSelfReport(record, epoch, enrolments, mesh) {
	must(record !== null && typeof record === 'object', 'the self-report is malformed');
	const body = decodeBase64(record.body, "the self-report's body");
	const entry = readMessage(body, ENTRY);
	must(entry.header !== null && entry.selfReport !== null, 'it is no self-report');
	const header = readMessage(entry.header, HEADER);
	const report = readMessage(entry.selfReport, SELF_REPORT);
	must(header.version === 1 && header.sequence > 0n, 'the self-report is malformed');
	must(report.kind === 1 || report.kind === 2, 'the self-report is malformed');
	must(equal(header.mesh, mesh), 'the self-report is of another mesh');
	must(header.epoch === epoch.number, 'the self-report is of another epoch');
	const subject = enrolments.get(header.author.toString('hex'));
	must(subject !== undefined, "the subject's enrolment is missing");
	must(epoch.members.some((m) => equal(m.id, header.author)), 'the subject is no member of the epoch');
	must(isSigned(subject.key, 'phalanx/entry/1', body, decodeBase64(record.signature, "the self-report's signature")),
		'the self-report is not signed by its subject');
	return { level: report.kind === 1 ? 'confession' : 'precaution', id: header.author,
		round: report.round, votes: 0, heads: epoch.members.filter((m) => m.weight > 0).length };
}

/** Throws if the bundle proves nothing; else says what it proves. */
export function verifyBundle(bundle, caKey) {
	must(bundle !== null && typeof bundle === 'object', 'not a bundle');
	must(bundle.format === 'phalanx-bundle/1', 'the format is unknown');
	must(caKey.length === 32, "the CA's key is not 32 bytes");
	const mesh = sha256(Buffer.from('phalanx/mesh/1'), caKey).subarray(0, 16);
	const epoch = readEpoch(bundle.epoch, caKey, mesh);
	const enrolments = readEnrolments(bundle.enrolments, caKey, mesh);
	must((bundle.certificate === undefined) !== (bundle.self_report === undefined), 'it is to prove one thing');
	const { id, ...proven } = bundle.self_report === undefined
		? provenCertificate(bundle.certificate, epoch, enrolments, mesh)
		: provenSelfReport(bundle.self_report, epoch, enrolments, mesh);
	const subject = enrolments.get(id.toString('hex'));
	const incident = sha256(Buffer.from('phalanx/incident/1'), id, u32(proven.round)).subarray(0, 8).toString('hex');
	return { subject: subject.name, mesh: subject.meshName, incident, ...proven };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
	const [file, caKey] = process.argv.slice(2);
	if (file === undefined || !/^[0-9a-f]{64}$/.test(caKey ?? '')) {
		console.error('usage: node verify_bundle.mjs BUNDLE.json CA-KEY-HEX');
		process.exit(2);
	}
	try {
		const proven = verifyBundle(JSON.parse(readFileSync(file, 'utf8')), Buffer.from(caKey, 'hex'));
		console.log(JSON.stringify(proven));
	} catch (error) {
		console.error(`${file}: refused: ${error.message}`);
		process.exit(1);
	}
}
