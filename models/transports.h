/* transports.h: the connections of a world: one for each member of the client's place of a link with a `transport`. A
 * connection spans its link; a way over two such links has one on each, as over a proxy between them. */
#ifndef OFFSIM_MODELS_TRANSPORTS_H
#define OFFSIM_MODELS_TRANSPORTS_H

#include "models/defs.h"

struct transports;
struct transports *transports_new(const struct world_def *);    /* NULL: no link has one */
void transports_free(struct transports *);
struct connection *transports_connection(const struct transports *, int link, uint32_t member);
int transports_client(const struct world_def *, const struct link_def *);       /* its place */

#endif
