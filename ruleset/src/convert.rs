//! API objects to the model: the only place that knows the shapes of APIs.
//!
//! Closed on doubt (policy-model §0 item 7): an allow rule that cannot be understood matches nothing; a deny rule, or a policy whose subject cannot be
//! understood, applies as widely as it could have. To be filled in.
