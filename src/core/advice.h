/* What helps where only somebody's words tell what is wrong: a TLS library's, or a web page's of the server that stands
 * before the service. Called by judge.c alone. */
#ifndef BI_CORE_ADVICE_H
#define BI_CORE_ADVICE_H

/* For what the transport says of a connection that could not be secured. Static text. */
const char *bi_advice_on_tls(const char *detail);

/* For an error page without a code; NULL: the page tells nothing. Static text. */
const char *bi_advice_on_page(const char *body);

#endif
