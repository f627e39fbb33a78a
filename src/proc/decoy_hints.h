/*
 * decoy_hints: what a client said of itself, picked from the first bytes that
 * it sent: an SSH banner, the path and headers of an HTTP request, a user's
 * name where a protocol sends one before anything was answered.
 *
 * Pure.  The bytes are hostile and stay as they are; whoever shows them
 * escapes them.
 */
#ifndef PROC_DECOY_HINTS_H
#define PROC_DECOY_HINTS_H
#include <stddef.h>
#include <stdint.h>
#include "proc/messages.h"

/* What is not recognised stays empty; what is too long is cut off. */
void decoy_hints(const uint8_t *data, size_t size_bytes, struct msg_hints *out);

#endif
