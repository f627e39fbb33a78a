#include "sys/nft_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/limits.h"
#include "sys/log.h"

#define LIBRARY "libnftables.so.1"

enum status { LOADED = 0, NO_LIBRARY = 1, REFUSED = 2 };

/* POSIX lets dlsym() hand out functions; ISO C has no cast for it. */
static void
function(void *library, const char *name, void *pointer, size_t size_bytes)
{
	void *symbol = dlsym(library, name);

	memcpy(pointer, &symbol, size_bytes);
}

#define FUNCTION(name)                      \
	__typeof__(&(name)) name##_ = NULL; \
	function(library, #name, &name##_, sizeof(name##_))

/* Line by line: the log escapes what is not printable. */
static void
complain(const char *text)
{
	size_t length;

	while (text != NULL && *text != '\0') {
		length = strcspn(text, "\n");
		if (length > 0)
			log_warn("nft: %.*s", length > 400 ? 400 : (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static enum status
load_here(const char *script, enum nft_load_tone tone)
{
	struct nft_ctx *nft;
	void *library;

	if ((library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)) == NULL) {
		log_warn("nft: %s; install libnftables1", dlerror());
		return NO_LIBRARY;
	}
	FUNCTION(nft_ctx_new);
	FUNCTION(nft_ctx_buffer_output);
	FUNCTION(nft_ctx_buffer_error);
	FUNCTION(nft_ctx_get_error_buffer);
	FUNCTION(nft_run_cmd_from_buffer);
	if (nft_ctx_new_ == NULL || nft_ctx_buffer_output_ == NULL ||
	    nft_ctx_buffer_error_ == NULL || nft_ctx_get_error_buffer_ == NULL ||
	    nft_run_cmd_from_buffer_ == NULL || (nft = nft_ctx_new_(NFT_CTX_DEFAULT)) == NULL)
		return NO_LIBRARY;
	(void)nft_ctx_buffer_output_(nft);
	(void)nft_ctx_buffer_error_(nft);
	if (nft_run_cmd_from_buffer_(nft, script) != 0) {
		if (tone == NFT_LOAD_LOUD)
			complain(nft_ctx_get_error_buffer_(nft));
		return REFUSED;
	}
	return LOADED;
}

enum err
nft_load(const char *script, enum nft_load_tone tone)
{
	int status;
	pid_t child;

	if ((child = fork()) == -1) {
		log_errno("nft: fork");
		return ERR_IO;
	}
	if (child == 0) {
		/* A kernel or library that hangs must not hang enforcement. */
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(LIMIT_NFT_LOAD_S);
		_exit((int)load_here(script, tone));
	}
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR) {
			log_errno("nft: wait for the loader");
			return ERR_IO;
		}
	if (!WIFEXITED(status)) {
		log_warn("nft: the loader died of signal %d", WTERMSIG(status));
		return ERR_IO;
	}
	switch (WEXITSTATUS(status)) {
	case LOADED:
		return ERR_OK;
	case NO_LIBRARY:
		return ERR_NOT_FOUND;
	case REFUSED:
		return ERR_UNSUPPORTED;
	default:
		return ERR_IO;
	}
}
