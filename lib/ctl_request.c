/*
 * ctl_request: a line of the control socket, as JSON. See ctl_client.h.
 *
 * What has too many parts for a request is not read as JSON at all: a MiB of {} would take 100 ms
 * and 100 MB.
 */
#include "ctl_client.h"

#define PARTS_MAX 64 /* arrays, objects and keys of a request */

json_t *request_refused(const char *text)
{
	return json_pack("{s:i, s:s}", "exit", 1, "error", text);
}

/*
 * Are there more arrays, objects and keys than any request has? Whether it is JSON at all is for
 * others to say.
 */
static bool is_overgrown(const char *line, size_t len)
{
	unsigned n = 0;
	bool text = false;

	for (size_t i = 0; i < len && n <= PARTS_MAX; i++) {
		if (line[i] == '"')
			text = !text;
		else if (text)
			i += line[i] == '\\';
		else
			n += line[i] == '{' || line[i] == '[' || line[i] == ':';
	}
	return n > PARTS_MAX;
}

static json_t *refusal(const json_error_t *error)
{
	json_t *reply = json_pack("{s:i, s:o}", "exit", 1, "error",
		json_sprintf("the request is not JSON: %s", error->text));

	/* the library's text may quote half a character */
	return reply ? reply : request_refused("the request is not JSON");
}

json_t *request_read(const char *line, size_t len, json_t **ret_refusal)
{
	json_error_t error;
	json_t *request;

	if (is_overgrown(line, len)) {
		*ret_refusal = request_refused("the request has more parts than any has");
		return NULL;
	}
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(request))
		return request;
	*ret_refusal =
		request ? request_refused("the request is not a JSON object") : refusal(&error);
	json_decref(request);
	return NULL;
}
