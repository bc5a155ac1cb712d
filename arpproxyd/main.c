/* The daemon of the codec in this directory; everything else is in lib/app. */
#include "app.h"
#include "arp.h"

int main(int argc, char **argv)
{
	return app_main(&daemon_codec, argc, argv);
}
