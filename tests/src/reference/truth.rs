//! Three-valued truth: what is known of a statement when part of it could not be understood.

use std::ops::Not;

/// Kleene's strong logic. `Maybe` stands for every part of the input that cannot be understood: it could have said yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// False whatever the part in doubt meant.
    No,
    /// Depends on what the part in doubt meant.
    Maybe,
    /// True whatever the part in doubt meant.
    Yes,
}

impl Truth {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// At least one of them; no if there are none.
    pub fn any(statements: impl IntoIterator<Item = Self>) -> Self {
        statements.into_iter().max().unwrap_or(Self::No)
    }

    /// Every one of them; yes if there are none.
    pub fn all(statements: impl IntoIterator<Item = Self>) -> Self {
        statements.into_iter().min().unwrap_or(Self::Yes)
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(statement: bool) -> Self {
        if statement { Self::Yes } else { Self::No }
    }
}
