/*
 * origin: by which names this coordinator goes, and whose pages may write to
 * it.  No foreign name can be rebound to it, and no foreign page speaks for
 * the one who looks at it.
 */
#ifndef COORDINATOR_ORIGIN_H
#define COORDINATOR_ORIGIN_H
#include "coordinator/coordinator.h"

bool origin_host_is_ours(const struct coordinator *, const struct http_request *);
/* Its Origin is this host's, or allowed_origin; one without is nobody's. */
bool origin_is_ours(const struct coordinator *, const struct http_request *);

#endif
