// Pictures as WebP, for the documents; a browser is the only encoder at hand.
// usage: node pack.mjs DIRECTORY PICTURE.png...
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [directory, ...pictures] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage();
for (const picture of pictures) {
	const packed = await page.evaluate(async (source) => {
		const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${source}`)).blob());
		const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
		canvas.getContext('2d').drawImage(bitmap, 0, 0);
		const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/webp', quality: 0.86 })).arrayBuffer());
		return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
	}, readFileSync(picture, 'base64'));
	const out = path.join(directory, `${path.basename(picture, '.png')}.webp`);
	writeFileSync(out, Buffer.from(packed, 'base64'));
	console.log(`${out}: ${Math.round(packed.length * 0.75 / 1000)} kB`);
}
await browser.close();
