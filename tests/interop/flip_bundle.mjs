// Every single bit flip of a bundle's decoded content is refused.
//
//   node flip_bundle.mjs BUNDLE.json CA-KEY-HEX

import { readFileSync } from 'node:fs';
import { verifyBundle } from './verify_bundle.mjs';

const bundle = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const caKey = Buffer.from(process.argv[3], 'hex');
let flips = 0;
let accepted = 0;

function isAccepted() {
	try {
		verifyBundle(bundle, caKey);
		return true;
	} catch {
		return false;
	}
}

function flipAll(holder, name, where) {
	const original = holder[name];
	const bytes = Buffer.from(original, 'base64');
	for (let bit = 0; bit < 8 * bytes.length; bit++) {
		bytes[bit >> 3] ^= 1 << (bit & 7);
		holder[name] = bytes.toString('base64');
		flips += 1;
		if (isAccepted()) {
			console.error(`${where}: bit ${bit}: accepted`);
			accepted += 1;
		}
		bytes[bit >> 3] ^= 1 << (bit & 7);
	}
	holder[name] = original;
}

if (!isAccepted()) {
	console.error('refused as it is');
	process.exit(1);
}
for (const record of [bundle.epoch, ...bundle.enrolments]) {
	flipAll(record, 'body', 'record body');
	flipAll(record, 'signature', 'record signature');
}
flipAll(bundle, 'certificate', 'certificate');
if (!isAccepted()) accepted += 1; // it was not put back as it was
console.log(`${flips} single bit flips, ${accepted} accepted`);
process.exit(accepted === 0 && flips > 0 ? 0 : 1);
