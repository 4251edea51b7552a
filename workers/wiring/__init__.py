"""The only place that joins the parts: which store, sender and queue each verb works with; a root for each process."""
