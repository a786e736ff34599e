//! Tokens of a selector to its tree: `!` binds tighter than `&&`, which binds tighter than `||`.

use std::sync::Arc;

use super::{
    MAX_DEPTH, ParseError,
    ast::{Node, Test, value_set},
    lex::{Operator, Token, tokens},
};

/// Reads a whole selector.
pub(super) fn parse(text: &str) -> Result<Node, ParseError> {
    let mut parser = Parser { tokens: tokens(text)?, place: 0, depth: 0 };
    if parser.peek() == Token::End {
        return Ok(Node::All);
    }
    let node = parser.disjunction()?;
    if parser.peek() == Token::End { Ok(node) } else { parser.error("expected && or || or the end") }
}

struct Parser<'a> {
    tokens: Vec<(Token<'a>, usize)>,
    place: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.place).map_or(Token::End, |(token, _)| *token)
    }

    fn next_if(&mut self, wanted: Token<'_>) -> bool {
        let found = self.peek() == wanted;
        self.place += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: Token<'_>, name: &str) -> Result<(), ParseError> {
        if self.next_if(wanted) { Ok(()) } else { self.error(format!("expected {name}")) }
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let offset = self.tokens.get(self.place).or(self.tokens.last()).map_or(0, |(_, offset)| *offset);
        Err(ParseError { message: message.into(), offset })
    }

    fn disjunction(&mut self) -> Result<Node, ParseError> {
        self.chain(Token::Or, Self::conjunction, Node::AnyOf)
    }

    fn conjunction(&mut self) -> Result<Node, ParseError> {
        self.chain(Token::And, Self::negation, Node::AllOf)
    }

    fn chain(
        &mut self,
        operator: Token<'_>,
        term: impl Fn(&mut Self) -> Result<Node, ParseError>,
        group: impl Fn(Vec<Arc<Node>>) -> Node,
    ) -> Result<Node, ParseError> {
        let first = term(self)?;
        if self.peek() != operator {
            return Ok(first);
        }
        let mut terms = vec![Arc::new(first)];
        while self.next_if(operator) {
            terms.push(Arc::new(term(self)?));
        }
        Ok(group(terms))
    }

    fn negation(&mut self) -> Result<Node, ParseError> {
        let mut negative = false;
        while self.next_if(Token::Not) {
            negative = !negative;
        }
        let node = self.primary()?;
        Ok(if negative { Node::Not(Arc::new(node)) } else { node })
    }

    fn primary(&mut self) -> Result<Node, ParseError> {
        match self.peek() {
            Token::LeftParenthesis => self.parenthesis(),
            Token::Has(name) => self.leaf(Node::Label(name.into(), Test::Present)),
            Token::All => self.leaf(Node::All),
            Token::Global => self.leaf(Node::Global),
            Token::Label(name) => {
                self.place += 1;
                Ok(Node::Label(name.into(), self.test()?))
            }
            Token::Text(_)
            | Token::RightParenthesis
            | Token::LeftBrace
            | Token::RightBrace
            | Token::Comma
            | Token::And
            | Token::Or
            | Token::Not
            | Token::Operator(_)
            | Token::End => self.error("expected a label, has(), all(), global(), ! or ("),
        }
    }

    fn leaf(&mut self, node: Node) -> Result<Node, ParseError> {
        self.place += 1;
        Ok(node)
    }

    fn parenthesis(&mut self) -> Result<Node, ParseError> {
        if self.depth == MAX_DEPTH {
            return self.error(format!("more than {MAX_DEPTH} nested parentheses"));
        }
        self.place += 1;
        self.depth += 1;
        let node = self.disjunction()?;
        self.depth -= 1;
        self.expect(Token::RightParenthesis, ")")?;
        Ok(node)
    }

    fn test(&mut self) -> Result<Test, ParseError> {
        let Token::Operator(operator) = self.peek() else {
            return self.error("expected an operator after the label");
        };
        self.place += 1;
        Ok(match operator {
            Operator::Equals => Test::Equals(self.string()?),
            Operator::NotEquals => Test::NotEquals(self.string()?),
            Operator::Contains => Test::Contains(self.string()?),
            Operator::StartsWith => Test::StartsWith(self.string()?),
            Operator::EndsWith => Test::EndsWith(self.string()?),
            Operator::In => Test::In(self.set()?),
            Operator::NotIn => Test::NotIn(self.set()?),
        })
    }

    fn string(&mut self) -> Result<Arc<str>, ParseError> {
        let Token::Text(text) = self.peek() else { return self.error("expected a string in quotes") };
        self.place += 1;
        Ok(text.into())
    }

    fn set(&mut self) -> Result<Vec<Arc<str>>, ParseError> {
        self.expect(Token::LeftBrace, "{")?;
        let mut values = Vec::new();
        while let Token::Text(value) = self.peek() {
            values.push(value);
            self.place += 1;
            if !self.next_if(Token::Comma) {
                break;
            }
        }
        self.expect(Token::RightBrace, "}")?;
        Ok(value_set(values))
    }
}
