/*
 * What the analyser answers a node, and what a client says to a decoy: text
 * that leaves the decoder is UTF-8 without a control character, ends in its
 * room, and a refusal changes nothing; hints lie within their room.  The
 * first byte chooses.
 */
#include <stdlib.h>
#include <string.h>
#include "proc/advice_codec.h"
#include "proc/decoy_hints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, size_t room)
{
	size_t i, length = strnlen(text, room);

	if (length == room)
		abort();
	for (i = 0; i < length; i++) {
		const uint8_t c = (uint8_t)text[i];
		const size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

		if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xc2) || c > 0xf4)
			abort();
		/* C1, and a bidirectional override. */
		if (c == 0xc2 && (uint8_t)text[i + 1] < 0xa0)
			abort();
		if (strncmp(text + i, "\xe2\x80\xae", 3) == 0)
			abort();
		for (size_t k = 1; k <= more; k++)
			if (((uint8_t)text[i + k] & 0xc0) != 0x80)
				abort();
		i += more;
	}
}

static void
check_answer(const uint8_t *data, size_t size)
{
	struct msg_opinion opinion, before;

	memset(&opinion, 0xa5, sizeof(opinion));
	before = opinion;
	if (advice_decode((struct span){ data, size }, &opinion) != ERR_OK) {
		if (memcmp(&opinion, &before, sizeof(before)) != 0)
			abort();
		return;
	}
	if (opinion.has_opinion > 1 || opinion.opinion > 10)
		abort();
	check_text(opinion.reason, sizeof(opinion.reason));
	check_text(opinion.model, sizeof(opinion.model));
	check_text(opinion.digest, sizeof(opinion.digest));
	check_text(opinion.rejected, sizeof(opinion.rejected));
}

static void
check_hints(const uint8_t *data, size_t size)
{
	struct msg_hints hints;

	decoy_hints(data, size, &hints);
	if (hints.banner.size_bytes > LIMIT_HINT_BYTES ||
	    hints.username.size_bytes > LIMIT_HINT_BYTES ||
	    hints.user_agent.size_bytes > LIMIT_HINT_BYTES ||
	    hints.path.size_bytes > LIMIT_HINT_BYTES)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		check_answer(data + 1, size - 1);
	else
		check_hints(data + 1, size - 1);
	return 0;
}
