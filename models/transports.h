/* transports.h: the connections of a world: one for each member of the client's place of a link with a `transport`. A
 * connection spans its link; a way over two such links has one on each, as over a proxy between them. Or it spans the way:
 * then a client has one with each place (a service there, whatever the member), made with the first message. */
#ifndef OFFSIM_MODELS_TRANSPORTS_H
#define OFFSIM_MODELS_TRANSPORTS_H

#include "models/defs.h"

struct transports;
struct transports *transports_new(const struct world_def *);    /* NULL: no link has one */
void transports_free(struct transports *);
struct connection *transports_connection(struct transports *, int link, uint32_t member, int far_place);
struct connection transports_look(const struct transports *, int link, uint32_t member, int far_place);
int transports_client(const struct world_def *, const struct link_def *);       /* its place */

#endif
