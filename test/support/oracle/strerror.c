// strerror(3) of this machine's libc, a number a line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  char line[32];
  while (fgets(line, sizeof line, stdin)) puts(strerror(atoi(line)));
  return 0;
}
