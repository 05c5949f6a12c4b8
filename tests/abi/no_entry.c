/* Planted: a shared object that is no policy. */
int offsim_something_else(void);
__attribute__((visibility("default"))) int offsim_something_else(void) { return 1; }
