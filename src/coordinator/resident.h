/*
 * resident: the memory that this process takes, as the kernel counts it.
 */
#ifndef COORDINATOR_RESIDENT_H
#define COORDINATOR_RESIDENT_H
#include <stdint.h>

/* Before the sandbox: /proc is out of reach behind it. */
void resident_open(void);
/* 0: not known. */
uint64_t resident_bytes(void);

#endif
