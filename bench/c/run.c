/*
 * run COMMAND [ARG...]: runs a command with its standard output thrown away, and prints in one line of JSON how long it
 * took from its start to its end, the peak of its resident memory, and its exit status.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "measure.h"

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;

	if (argc < 2)
		return 2;
	double start = now();
	pid_t child = fork();
	if (child == 0) {
		dup2(open("/dev/null", O_WRONLY), 1);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return 1;
	printf("{\"seconds\":%.6f,\"peak_kib\":%ld,\"status\":%d}\n", now() - start, usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
