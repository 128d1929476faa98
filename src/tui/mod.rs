//! The screen: terminal, keys, model, screens and widgets. Knows events and intents, nothing of engine or servers.
