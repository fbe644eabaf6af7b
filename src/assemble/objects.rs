//! stub, comes with the kube branch
