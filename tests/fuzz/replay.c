/*
 * Runs the fuzz target over its committed corpus, tests/fuzz/X where the program is called
 * replay_X, and prints TAP. A finding aborts the program.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *corpus, const char *name)
{
	static uint8_t data[65536];
	char path[512];
	uint8_t *copy;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", corpus, name);
	f = fopen(path, "rb");
	if (!f)
		return -1;
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	copy = malloc(len ? len : 1);
	if (!copy)
		return -1;
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **names;
	char corpus[256];
	const char *codec = argc > 0 ? strrchr(argv[0], '_') : NULL;
	int n, tests = 0, failed = 0;

	snprintf(corpus, sizeof(corpus), "tests/fuzz/%s", codec ? codec + 1 : "");
	n = scandir(corpus, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			int r = replay(corpus, names[i]->d_name);

			printf("%sok %d - %s\n", r ? "not " : "", ++tests, names[i]->d_name);
			fflush(stdout);
			failed |= r;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (tests == 0)
		printf("not ok 1 - no corpus in %s\n", corpus);
	printf("1..%d\n", tests ? tests : 1);
	return failed || tests == 0;
}
