/* What every program here measures with. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdio.h>
#include <time.h>

/* Seconds, from any beginning. */
static inline double now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec + at.tv_nsec / 1e9;
}

/* The peak of the resident memory. Not getrusage's: exec(2) hands that on from the program before, here a Node. */
static inline long peak_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

#endif
