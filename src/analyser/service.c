#include <sys/signalfd.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyser/service.h"
#include "sys/log.h"
#include "sys/wholefile.h"

static void
log_metrics(const struct service *s)
{
	char text[METRICS_TEXT_BYTES];

	metrics_format(adviser_metrics(s->adviser), text);
	log_info("metrics %s", text);
}

static void
on_signal(void *context, unsigned ready)
{
	struct service *s = context;
	struct signalfd_siginfo signal;

	(void)ready;
	while (read(s->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo == SIGUSR1)
			log_metrics(s);
		else
			loop_stop(s->loop, 0);
	}
}

static enum err
take_signals(struct service *s, bool stops)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (stops) {
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGINT);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) == -1) {
		log_errno("signalfd");
		return ERR_IO;
	}
	return loop_add(s->loop, s->signal_fd, LOOP_READ, on_signal, s, &s->signals);
}

/* One line of printable characters: it becomes a header. */
static enum err
read_token(struct service *s)
{
	const char *path = s->config->token_file;
	uint8_t *bytes;
	size_t size, i;
	enum err err;

	if (path[0] == '\0')
		return ERR_OK;
	if ((err = wholefile_read(path, LIMIT_MODEL_TOKEN_BYTES, &bytes, &size)) != ERR_OK) {
		log_error("[analyser] token_file %s: %s", path, err_text(err));
		return err;
	}
	while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
		bytes[--size] = '\0';
	for (i = 0; i < size && bytes[i] > 0x20 && bytes[i] < 0x7f; i++)
		continue;
	s->token = (char *)bytes;
	if (size == 0 || i < size) {
		log_error("[analyser] token_file %s: not one line of printable characters without "
		          "spaces",
		    path);
		return ERR_CONFIG;
	}
	return ERR_OK;
}

enum err
service_prepare(struct loop *loop, const struct config *config, bool stops, struct service *out)
{
	size_t seed;
	enum err err;

	*out = (struct service){ .loop = loop, .config = config, .signal_fd = -1 };
	if (sodium_init() == -1)
		return ERR_IO;
	/* Else jansson would open /dev/urandom at its first object. */
	randombytes_buf(&seed, sizeof(seed));
	json_object_seed(seed);
	if ((err = read_token(out)) != ERR_OK || (err = take_signals(out, stops)) != ERR_OK)
		service_free(out);
	return err;
}

enum err
service_start(struct service *s, int listener, bool warm_up)
{
	const struct adviser_config config = { .config = s->config,
		.server = s->config->model_address,
		.token = s->token != NULL ? s->token : "",
		.warm_up = warm_up };
	enum err err;

	if ((err = adviser_new(s->loop, &config, &s->adviser)) != ERR_OK)
		return err;
	/* The adviser has its own copy. */
	if (s->token != NULL)
		sodium_memzero(s->token, strlen(s->token));
	return listener == -1 ? ERR_OK
	                      : door_new(s->loop, s->config, s->adviser, listener, &s->door);
}

void
service_free(struct service *s)
{
	door_free(s->door);
	adviser_free(s->adviser);
	loop_remove(s->signals);
	if (s->signal_fd != -1)
		close(s->signal_fd);
	if (s->token != NULL)
		sodium_memzero(s->token, strlen(s->token));
	free(s->token);
	*s = (struct service){ .signal_fd = -1 };
}
