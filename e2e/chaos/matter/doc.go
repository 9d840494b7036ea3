// Package matter kills a Matter node with SIGKILL, on the store that loquet keeps its state in, while controllers commission
// it, write access lists and labels, and leave. LOQUET_KILLS sets how often (30 by default).
package matter
